import * as z from 'zod';
import { noneOf, notWith } from '../errors.ts';
import { count, shortName } from '../fields.ts';
import { defineTool, type Sql, type ToolContext } from '../tool.ts';
import { cacheKey, modelName, namespace } from './cache-input.ts';
import {
  countServable,
  type InvalidationTarget,
  IS_INVALIDATED,
  type KeysTarget,
  reclaimAfterInvalidation,
  recordInvalidation,
} from './invalidation.ts';
import { invalidateLeases } from './lease.ts';

const MAX_KEYS = 50;
/** What a call names its entries by: exactly one of them. */
const TARGETS = ['keys', 'tag', 'model', 'all'] as const;

const input = z.strictObject({
  namespace: namespace().describe('Default: all.'),
  keys: z.array(cacheKey()).min(1).max(MAX_KEYS).optional(),
  tag: shortName(64).optional(),
  model: modelName().optional(),
  all: z.boolean().optional(),
  dry_run: z.boolean().default(false),
});
type Args = z.output<typeof input>;

export const cacheInvalidate = defineTool({
  name: 'cache_invalidate',
  title: 'Invalidate cached responses',
  description:
    'Drops stored responses at once, when what they were based on has changed: give exactly one of keys, tag, model, all.',
  scope: 'cache:write',
  cost: 2,
  grows: false,
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  input,
  output: z.strictObject({
    invalidated: count(),
    more: z.boolean().optional().describe('Not all entries were examined: the real number can differ.'),
    rev: count(),
  }),
  log: {
    namespace: 'plain',
    keys: 'plain',
    tag: 'plain',
    model: 'plain',
    all: 'plain',
    dry_run: 'plain',
  },
  run: (args, context) => {
    const { sql, now } = context;
    const target = targetOf(args);
    const rev = args.dry_run ? context.headRev() : context.nextRev();
    if (!args.dry_run) invalidateLeases(context, target, rev);
    if (target.kind === 'keys') return { invalidated: deleteKeys(target, args.dry_run, context), rev };
    const { servable, isEstimate } = countServable(sql, target, rev, now);
    if (!args.dry_run) {
      recordInvalidation(sql, target, rev);
      reclaimAfterInvalidation(sql, now);
    }
    return { invalidated: servable, more: isEstimate || undefined, rev };
  },
});

function targetOf({ namespace, keys, tag, model, all }: Args): InvalidationTarget {
  const targets: InvalidationTarget[] = [];
  if (keys !== undefined) targets.push({ kind: 'keys', keys, namespace });
  if (tag !== undefined) targets.push({ kind: 'tag', value: tag, namespace });
  if (model !== undefined) targets.push({ kind: 'model', value: model, namespace });
  if (all === true) targets.push({ kind: 'all', value: '', namespace });
  const [target, another] = targets;
  if (target === undefined || another !== undefined) {
    const message = 'Give exactly one of keys, tag, model and all: true.';
    throw another === undefined ? noneOf('keys', TARGETS, message) : notWith(another.kind, TARGETS, message);
  }
  return target;
}

/** Deletes the entries of a few keys directly. @returns how many of them could still be served */
function deleteKeys({ keys, namespace }: KeysTarget, dryRun: boolean, { sql, now }: ToolContext): number {
  const rows = findByKeys(sql, keys, namespace, now);
  if (!dryRun) {
    const revs = JSON.stringify(rows.map((row) => row.rev));
    sql.exec('DELETE FROM cache_entries WHERE rev IN (SELECT value FROM json_each(?))', revs);
  }
  return rows.filter((row) => row.servable === 1).length;
}

function findByKeys(sql: Sql, keys: readonly string[], namespace: string | undefined, now: number) {
  return sql.exec<{ rev: number; servable: 0 | 1 }>(
    `SELECT e.rev, e.dead_at > ? AND NOT ${IS_INVALIDATED} AS servable FROM cache_entries e
     WHERE e.key IN (SELECT value FROM json_each(?)) AND e.ns = coalesce(?, e.ns)`,
    now,
    JSON.stringify(keys),
    namespace ?? null,
  );
}
