import * as z from 'zod';
import { invalidInput } from '../errors.ts';
import { count, keyPath, runId } from '../fields.ts';
import { defineTool, type ToolContext } from '../tool.ts';
import { prefix, revision } from './fields.ts';
import { cellFilter, countCells, type Filter } from './listing.ts';
import { deleteCells } from './remove.ts';
import { sweep } from './sweep.ts';

const MAX_KEYS = 50;
const MAX_EXPECTED = 1_000_000_000;
const MAX_KEYS_NAMED = 20;
/** Cells that one call deletes; the rest of a prefix takes another call. */
const MAX_DELETED_PER_CALL = 500;

const input = z.strictObject({
  run_id: runId(),
  keys: z.array(keyPath()).min(1).max(MAX_KEYS).optional(),
  prefix: prefix().describe('Instead of keys: every key that begins with this text.'),
  if_rev: revision().optional().describe('With a single key: delete only if the cell has this rev.'),
  expect_count: z
    .int()
    .min(0)
    .max(MAX_EXPECTED)
    .optional()
    .describe('Delete only if exactly this many cells match.'),
  dry_run: z.boolean().default(false).describe('Only say what would be deleted.'),
});

const output = z.strictObject({
  status: z
    .enum(['deleted', 'none', 'would_delete', 'mismatch', 'conflict'])
    .describe(
      'mismatch: expect_count does not hold; conflict: if_rev does not hold. Nothing is deleted then.',
    ),
  matched: count(),
  matched_is_minimum: z.literal(true).optional().describe('More cells match than were counted.'),
  deleted: count(),
  held: count()
    .optional()
    .describe('How many of those that are deleted or would be are claimed; left out when none.'),
  keys: z.array(z.string()).describe('The first of the keys that are deleted or match.'),
  rev: count().optional().describe('On conflict: the rev that the cell has; 0: there is none.'),
  more: z.literal(true).optional().describe('Some matching cells are left: repeat the call.'),
});

type Args = z.output<typeof input>;
type Answer = z.output<typeof output>;
type Match = { id: number; key: string; rev: number; claim_until: number | null };

export const blackboardDelete = defineTool({
  name: 'blackboard_delete',
  title: 'Delete from the blackboard',
  description:
    'Deletes the cells of a board that are named by keys or that begin with prefix, up to 500 in a call. ' +
    'dry_run shows what would go, expect_count and if_rev guard against deleting what others changed meanwhile. ' +
    'A cell that is claimed is deleted too, and the claim is lost: so work is called off. ' +
    'Deleted values stay readable by at_rev for a while.',
  scope: 'blackboard:write',
  cost: 1,
  grows: false,
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  input,
  output,
  log: {
    run_id: 'plain',
    keys: 'plain',
    prefix: 'plain',
    if_rev: 'plain',
    expect_count: 'plain',
    dry_run: 'plain',
  },
  run(args, context): Answer {
    const before = context.headRev();
    const filter = chosen(args, context);
    const matches = context.sql.exec<Match>(
      `SELECT id, key, rev, claim_until FROM board_cells WHERE ${filter.where} ORDER BY key LIMIT ?`,
      ...filter.bindings,
      MAX_DELETED_PER_CALL + 1,
    );
    const going = matches.slice(0, MAX_DELETED_PER_CALL);
    const more = matches.length > going.length;
    const { total, uncounted } = more
      ? countCells(context.sql, filter)
      : { total: matches.length, uncounted: false };
    const rev = matches[0]?.rev ?? 0;
    const status = decide(args, { matched: total, uncounted, rev });
    if (status === 'deleted')
      deleteCells(
        context,
        args.run_id,
        going.map(({ id }) => id),
      );
    sweep(context, before);
    return {
      status,
      matched: total,
      matched_is_minimum: uncounted ? true : undefined,
      deleted: status === 'deleted' ? going.length : 0,
      held: countHeld(going, context.now),
      keys: going.slice(0, MAX_KEYS_NAMED).map(({ key }) => key),
      rev: status === 'conflict' ? rev : undefined,
      more: status === 'deleted' && more ? true : undefined,
    };
  },
});

function countHeld(matches: readonly Match[], now: number): number | undefined {
  const held = matches.filter(({ claim_until }) => claim_until !== null && now < claim_until).length;
  return held === 0 ? undefined : held;
}

/** The cells that the arguments name. */
function chosen(args: Args, { now }: ToolContext): Filter {
  if (args.keys !== undefined && args.prefix !== undefined)
    throw invalidInput('prefix', 'keys and prefix exclude each other; leave one out.');
  if (args.if_rev !== undefined && new Set(args.keys).size !== 1)
    throw invalidInput('if_rev', 'if_rev needs keys with a single key; guard several cells by expect_count.');
  const board = cellFilter(args.run_id, args.prefix ?? '', [], now);
  if (args.prefix !== undefined) return board;
  if (args.keys === undefined) throw invalidInput('keys', 'keys is required, or prefix.');
  return {
    where: `${board.where} AND key IN (SELECT value FROM json_each(?))`,
    bindings: [...board.bindings, JSON.stringify(args.keys)],
  };
}

function decide(
  args: Args,
  { matched, uncounted, rev }: { matched: number; uncounted: boolean; rev: number },
): Answer['status'] {
  if (args.if_rev !== undefined && args.if_rev !== rev) return 'conflict';
  if (args.expect_count !== undefined && (uncounted || args.expect_count !== matched)) return 'mismatch';
  if (matched === 0) return 'none';
  return args.dry_run ? 'would_delete' : 'deleted';
}
