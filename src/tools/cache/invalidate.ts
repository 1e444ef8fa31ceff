import * as z from 'zod';
import { invalidInput } from '../errors.ts';
import { count, shortName } from '../fields.ts';
import { defineTool, type Sql, type ToolContext } from '../tool.ts';
import { cacheKey, modelName, namespace } from './cache-input.ts';
import { countLive, invalidate, RECLAIMED_PER_INVALIDATION, reclaim, SUPERSEDED } from './invalidation.ts';
import { type Invalidated, invalidateLeases, type Keys } from './lease.ts';

const MAX_KEYS = 50;
/** Invalidated entries are counted up to here. */
export const MAX_COUNTED = 10_000;

const input = z.strictObject({
  namespace: namespace().describe('Without it, every namespace.'),
  keys: z.array(cacheKey()).min(1).max(MAX_KEYS).optional(),
  tag: shortName(64).optional(),
  model: modelName().optional(),
  all: z.boolean().optional(),
  dry_run: z.boolean().default(false).describe('Only count.'),
});
type Args = z.output<typeof input>;

export const cacheInvalidate = defineTool({
  name: 'cache_invalidate',
  title: 'Invalidate cached responses',
  description:
    'Makes stored responses count as absent at once: those of keys, of a tag, of a model, or all; give exactly one. ' +
    'Without namespace it reaches every namespace. An answer on which someone works under a lease is not stored any ' +
    'more; what is asked for and stored afterwards is not touched.',
  scope: 'cache:write',
  cost: 2,
  grows: false,
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  input,
  output: z.strictObject({
    invalidated: count(),
    more: z.boolean().optional().describe('There were more than were counted.'),
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
    if (target.kind === 'keys') return { invalidated: dropKeys(target, args.dry_run, context), rev };
    const live = countLive(sql, target, rev, now, MAX_COUNTED + 1);
    if (!args.dry_run) {
      invalidate(sql, target, rev);
      reclaim(sql, now, RECLAIMED_PER_INVALIDATION);
    }
    return { invalidated: Math.min(live, MAX_COUNTED), more: live > MAX_COUNTED || undefined, rev };
  },
});

function targetOf({ namespace, keys, tag, model, all }: Args): Invalidated {
  const targets: Invalidated[] = [];
  if (keys !== undefined) targets.push({ kind: 'keys', keys, namespace });
  if (tag !== undefined) targets.push({ kind: 'tag', value: tag, namespace });
  if (model !== undefined) targets.push({ kind: 'model', value: model, namespace });
  if (all === true) targets.push({ kind: 'all', value: '', namespace });
  const [target, another] = targets;
  if (target === undefined || another !== undefined) {
    throw invalidInput(another?.kind ?? 'all', 'Give exactly one of keys, tag, model and all: true.');
  }
  return target;
}

/** A few named entries are removed at once; returns how many of them could still be served. */
function dropKeys({ keys, namespace }: Keys, dryRun: boolean, { sql, now }: ToolContext): number {
  const rows = findNamed(sql, keys, namespace, now);
  if (!dryRun) {
    const revs = JSON.stringify(rows.map((row) => row.rev));
    sql.exec('DELETE FROM cache_entries WHERE rev IN (SELECT value FROM json_each(?))', revs);
  }
  return rows.filter((row) => row.live === 1).length;
}

function findNamed(sql: Sql, keys: readonly string[], namespace: string | undefined, now: number) {
  return sql.exec<{ rev: number; live: 0 | 1 }>(
    `SELECT e.rev, e.dead_at > ? AND NOT ${SUPERSEDED} AS live FROM cache_entries e
     WHERE e.key IN (SELECT value FROM json_each(?)) AND e.ns = coalesce(?, e.ns)`,
    now,
    JSON.stringify(keys),
    namespace ?? null,
  );
}
