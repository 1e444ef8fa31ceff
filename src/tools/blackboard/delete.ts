import * as z from 'zod';
import { invalidInput, noneOf, notWith } from '../errors.ts';
import { count, keyPath, runId, withheld } from '../fields.ts';
import { defineTool, type ToolContext } from '../tool.ts';
import { type Condition, keyCondition, NOT_EXPIRED } from './cell.ts';
import { isHeldUntil } from './claim-state.ts';
import { deleteCells } from './delete-cells.ts';
import { prefix, revision } from './fields.ts';
import { countCells } from './listing.ts';
import { sweepAfter } from './sweep.ts';

const MAX_KEYS = 50;
const MAX_EXPECTED = 1_000_000_000;
const MAX_KEYS_RETURNED = 20;
/** The most cells that one call deletes. The rest of a prefix needs another call. */
const MAX_DELETED_PER_CALL = 500;

const input = z.strictObject({
  run_id: runId(),
  keys: z.array(keyPath()).min(1).max(MAX_KEYS).optional().describe('Up to 50.'),
  prefix: prefix().describe('Instead of keys.'),
  if_rev: revision().optional().describe('With one key.'),
  expect_count: z.int().min(0).max(MAX_EXPECTED).optional().describe('Only if so many match.'),
  dry_run: z.boolean().default(false),
});

const output = z.strictObject({
  status: z
    .enum(['deleted', 'none', 'would_delete', 'mismatch', 'conflict'])
    .describe('mismatch: expect_count differs; conflict: if_rev differs. In both cases nothing is deleted.'),
  matched: count(),
  matched_is_minimum: z.literal(true).optional().describe('More cells match than were counted.'),
  deleted: count(),
  held: count().optional().describe('How many of these cells are claimed; omitted if none.'),
  keys: z.array(z.string()).optional().describe('The first 20 deleted or matching keys.'),
  rev: count().optional().describe('On conflict: current rev of the cell; 0: absent.'),
  more: z.literal(true).optional().describe('Matching cells remain: repeat the call.'),
  withheld: withheld(),
});

type Args = z.output<typeof input>;
type Answer = z.output<typeof output>;
type Match = { id: number; key: string; rev: number; claim_id: string | null; claim_until: number | null };

export const blackboardDelete = defineTool({
  name: 'blackboard_delete',
  title: 'Delete from the blackboard',
  description:
    'Deletes cells by keys or prefix, at most 500 a call; claimed ones too, which calls the work off. See first with dry_run; ' +
    'expect_count or if_rev spares what others changed.',
  scope: 'blackboard:write',
  cost: 1,
  grows: false,
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  input,
  output,
  storedFields: ['keys'],
  log: {
    run_id: 'plain',
    keys: 'plain',
    prefix: 'plain',
    if_rev: 'plain',
    expect_count: 'plain',
    dry_run: 'plain',
  },
  run: (args, context) => sweepAfter(context, () => respond(args, context)),
});

function respond(args: Args, context: ToolContext): Answer {
  const filter = chosen(args, context);
  const matches = context.sql.exec<Match>(
    `SELECT id, key, rev, claim_id, claim_until FROM board_cells WHERE ${filter.where} ORDER BY key LIMIT ?`,
    ...filter.bindings,
    MAX_DELETED_PER_CALL + 1,
  );
  const batch = matches.slice(0, MAX_DELETED_PER_CALL);
  const more = matches.length > batch.length;
  const { total, isMinimum } = more
    ? countCells(context.sql, {
        runId: args.run_id,
        prefix: args.prefix ?? '',
        tags: [],
        now: context.now,
      })
    : { total: matches.length, isMinimum: false };
  const rev = matches[0]?.rev ?? 0;
  const status = statusFor(args, { matched: total, isMinimum, rev });
  if (status === 'deleted')
    deleteCells(
      context,
      args.run_id,
      batch.map(({ id }) => id),
    );
  return {
    status,
    matched: total,
    matched_is_minimum: isMinimum ? true : undefined,
    deleted: status === 'deleted' ? batch.length : 0,
    held: countHeld(batch, context.now),
    keys: batch.slice(0, MAX_KEYS_RETURNED).map(({ key }) => key),
    rev: status === 'conflict' ? rev : undefined,
    more: status === 'deleted' && more ? true : undefined,
  };
}

function countHeld(matches: readonly Match[], now: number): number | undefined {
  const held = matches.filter(
    ({ claim_id, claim_until }) => claim_id !== null && isHeldUntil(claim_until, now),
  ).length;
  return held === 0 ? undefined : held;
}

/** Matches the cells that the arguments select. */
function chosen(args: Args, { now }: ToolContext): Condition {
  if (args.keys !== undefined && args.prefix !== undefined)
    throw notWith('prefix', ['keys', 'prefix'], 'keys and prefix cannot be combined. Leave one out.');
  if (args.if_rev !== undefined && new Set(args.keys).size !== 1)
    throw invalidInput('if_rev', 'if_rev works with a single key only. Use expect_count for several cells.', {
      expected: 'absent',
    });
  const range = keyCondition(args.run_id, args.prefix ?? '');
  const board = { where: `${range.where} AND ${NOT_EXPIRED}`, bindings: [...range.bindings, now] };
  if (args.prefix !== undefined) return board;
  if (args.keys === undefined)
    throw noneOf('keys', ['keys', 'prefix'], 'No cells are selected. Give keys or prefix.');
  return {
    where: `${board.where} AND key IN (SELECT value FROM json_each(?))`,
    bindings: [...board.bindings, JSON.stringify(args.keys)],
  };
}

function statusFor(
  args: Args,
  { matched, isMinimum, rev }: { matched: number; isMinimum: boolean; rev: number },
): Answer['status'] {
  if (args.if_rev !== undefined && args.if_rev !== rev) return 'conflict';
  if (args.expect_count !== undefined && (isMinimum || args.expect_count !== matched)) return 'mismatch';
  if (matched === 0) return 'none';
  return args.dry_run ? 'would_delete' : 'deleted';
}
