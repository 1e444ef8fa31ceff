import * as z from 'zod';
import { invalidInput, notWith } from '../errors.ts';
import { anyJson, count, optionalName, storedAs, storedAsOf, tags, text, withheld } from '../fields.ts';
import { defineTool, type ToolContext } from '../tool.ts';
import { findEndedClaim } from './claim-log.ts';
import { MAX_FAILED_ATTEMPTS, NEW_WORK, type Outcome } from './claim-state.ts';
import { endClaim, findHeldCell, type HeldCell } from './claims.ts';
import { deleteCells } from './delete-cells.ts';
import { claimId, revision } from './fields.ts';
import { describeLost, heldByOther, lostReason } from './lost-claim.ts';
import { planWrite } from './plan-write.ts';
import { saveCell } from './save-cell.ts';
import { sweepAfter } from './sweep.ts';

const MAX_FAILURE_CHARS = 500;
/** One day, as for a claim. */
const MAX_DELAY_S = 86_400;

const input = z.strictObject({
  run_id: optionalName(),
  claim_id: claimId(),
  value: anyJson()
    .optional()
    .describe('The result.')
    .meta({ insteadOf: ['tags', 'delete', 'requeue', 'failed', 'delay_s'] }),
  tags: tags().describe('Replaces the tags, for the next stage.'),
  delete: z.boolean().default(false).describe('Done: leaves the queue.'),
  requeue: z.boolean().default(false).describe('Offer it again: no failed attempt.'),
  failed: text(1, MAX_FAILURE_CHARS).optional().describe('Why it failed.'),
  delay_s: z.int().min(1).max(MAX_DELAY_S).optional().describe('Offer it again only then.'),
});

const output = z.strictObject({
  status: z
    .enum(['released', 'already_released', 'lost'])
    .describe('lost: the claim has ended; nothing was written.'),
  key: z.string().optional(),
  rev: revision().optional().describe('Rev of the cell after the release; 0: deleted.'),
  stored_as: storedAs(),
  attempts: count().optional().describe('After a failed attempt: how many so far; at 5 the cell is dead.'),
  reason: lostReason(),
  ...heldByOther,
  withheld: withheld(),
});

type Args = z.output<typeof input>;
type Answer = z.output<typeof output>;

export const blackboardRelease = defineTool({
  name: 'blackboard_release',
  title: 'Release a claimed cell',
  description:
    'Ends a claim and stores its result in the same step, or nothing if the claim is lost. With value the item is done; with ' +
    'tags or requeue others can claim it again. Without any of these, or with failed, it is a failed attempt.',
  scope: 'blackboard:write',
  cost: 1,
  grows: true,
  growthOf: ({ value, tags }) => (value === undefined && tags === undefined ? 'none' : 'reserve'),
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input,
  output,
  storedFields: ['held_by'],
  log: {
    run_id: 'plain',
    claim_id: 'hash',
    value: 'omit',
    tags: 'plain',
    delete: 'plain',
    requeue: 'plain',
    failed: 'length',
    delay_s: 'plain',
  },
  run(args, context) {
    requireOneEnd(args);
    return sweepAfter(context, () => {
      const held = findHeldCell(context, args.claim_id, args.run_id);
      return held === undefined ? describeEndedClaim(args, context) : release(args, held, context);
    });
  },
});

/** Refuses arguments that contradict each other. */
function requireOneEnd(args: Args): void {
  const hasResult = args.value !== undefined || args.tags !== undefined;
  if (args.delete && hasResult)
    throw notWith(
      'delete',
      ['delete', 'value', 'tags'],
      'delete cannot be combined with value or tags. Leave them out.',
    );
  if (args.delete && args.requeue)
    throw notWith(
      'requeue',
      ['delete', 'requeue'],
      'requeue cannot be combined with delete. Leave one of them out.',
    );
  if (args.failed !== undefined && (hasResult || args.delete || args.requeue))
    throw notWith(
      'failed',
      ['failed', 'value', 'tags', 'delete', 'requeue'],
      'failed is for an attempt without result and cannot be combined with value, tags, delete or requeue. Leave one of them out.',
    );
  if (args.delay_s !== undefined && (args.delete || isDone(args)))
    throw invalidInput(
      'delay_s',
      'delay_s needs an item that is offered again, but this release ends it. Add requeue or tags, or leave delay_s out.',
      { expected: 'absent' },
    );
}

/** With a value and nothing that says who continues, the item is done. */
function isDone({ value, tags, requeue }: Args): boolean {
  return value !== undefined && tags === undefined && !requeue;
}

function describeEndedClaim(args: Args, context: ToolContext): Answer {
  const ended = findEndedClaim(context, args.claim_id);
  const isOfBoard = args.run_id === undefined || args.run_id === ended?.run_id;
  if (ended?.ended === null && isOfBoard)
    return { status: 'already_released', key: ended.key, rev: ended.cell_rev };
  return { status: 'lost', ...describeLost(context, args.claim_id) };
}

function release(args: Args, held: HeldCell, context: ToolContext): Answer {
  const hasResult = args.delete || args.value !== undefined || args.tags !== undefined;
  const rev = hasResult ? writeResult(args, held, context) : held.cell.rev;
  const outcome = outcomeOf(args, held, hasResult, context.now);
  endClaim(context, held, rev, outcome);
  return {
    status: 'released',
    key: held.cell.key,
    rev,
    stored_as: storedAsOf(args.value),
    attempts: outcome.attempts || undefined,
  };
}

function outcomeOf(args: Args, { cell }: HeldCell, hasResult: boolean, now: number): Outcome {
  const delayedUntil = args.delay_s === undefined ? null : now + args.delay_s * 1000;
  if (hasResult) return { ...NEW_WORK, isDone: isDone(args), delayedUntil };
  if (args.requeue) {
    const before = cell.attempts - 1;
    // A dead item is alive again; the failures of any other remain counted, without this attempt.
    const attempts = before >= MAX_FAILED_ATTEMPTS ? 0 : before;
    return { attempts, isDone: false, failure: attempts === 0 ? null : cell.failure, delayedUntil };
  }
  return {
    attempts: cell.attempts,
    isDone: cell.done === 1,
    failure: args.failed ?? cell.failure,
    delayedUntil,
  };
}

/** @returns the rev of the cell afterwards; 0 if it was deleted */
function writeResult(args: Args, { cell, holder }: HeldCell, context: ToolContext): number {
  if (args.delete) {
    deleteCells(context, cell.run_id, [cell.id], holder.id);
    return 0;
  }
  const write = {
    field: 'value',
    key: cell.key,
    mode: 'set',
    value: args.value === undefined ? JSON.parse(cell.value) : args.value,
    author: holder.by,
    ifRev: undefined,
    ttlSeconds: 'keep',
    tags: args.tags,
  } as const;
  const plan = planWrite(write, cell, context.now, ({ value }) => value);
  return plan.status === 'updated' ? saveCell(context, cell.run_id, write, plan.next, cell) : cell.rev;
}
