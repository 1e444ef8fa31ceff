import * as z from 'zod';
import { invalidInput } from '../errors.ts';
import { anyJson, count, optionalName, storedAs, storedAsOf, tags } from '../fields.ts';
import { defineTool, type ToolContext } from '../tool.ts';
import { endClaim, findHeldCell, findReleasedClaim, type HeldCell } from './claims.ts';
import { deleteCells } from './delete-cells.ts';
import { claimId, revision } from './fields.ts';
import { planWrite } from './plan-write.ts';
import { saveCell } from './save-cell.ts';
import { sweepAfter } from './sweep.ts';

const input = z.strictObject({
  run_id: optionalName(),
  claim_id: claimId(),
  value: anyJson()
    .optional()
    .describe('The result.')
    .meta({ insteadOf: ['delete'] }),
  tags: tags().describe('Replaces the tags.'),
  delete: z.boolean().default(false).describe('Done: leaves the queue.'),
});

const output = z.strictObject({
  status: z
    .enum(['released', 'already_released', 'lost'])
    .describe('lost: the claim has ended; nothing was written.'),
  key: z.string().optional(),
  rev: revision().optional().describe('Rev of the cell after the release; 0: deleted.'),
  stored_as: storedAs(),
  attempts: count().optional().describe('Without a result: failed attempts so far; at 5 the cell is dead.'),
});

type Args = z.output<typeof input>;
type Answer = z.output<typeof output>;

export const blackboardRelease = defineTool({
  name: 'blackboard_release',
  title: 'Release a claimed cell',
  description:
    'Ends a claim and stores its result in the same step, or nothing if the claim is lost. Others can then claim the cell: ' +
    'when its work is done, delete it or change the tags they claim by. Without value, tags or delete it is a failed attempt.',
  scope: 'blackboard:write',
  cost: 1,
  grows: true,
  growthOf: ({ value, tags }) => (value === undefined && tags === undefined ? 'none' : 'reserve'),
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input,
  output,
  log: { run_id: 'plain', claim_id: 'hash', value: 'omit', tags: 'plain', delete: 'plain' },
  run(args, context) {
    if (args.delete && (args.value !== undefined || args.tags !== undefined))
      throw invalidInput('delete', 'delete cannot be combined with value or tags. Leave them out.');
    return sweepAfter(context, () => {
      const held = findHeldCell(context, args.claim_id, args.run_id);
      return held === undefined ? describeEndedClaim(args, context) : release(args, held, context);
    });
  },
});

function describeEndedClaim(args: Args, context: ToolContext): Answer {
  const released = findReleasedClaim(context, args.claim_id, args.run_id);
  if (released === undefined) return { status: 'lost' };
  return { status: 'already_released', key: released.key, rev: released.cell_rev };
}

function release(args: Args, held: HeldCell, context: ToolContext): Answer {
  const hasResult = args.delete || args.value !== undefined || args.tags !== undefined;
  const rev = hasResult ? writeResult(args, held, context) : held.cell.rev;
  const attempts = hasResult ? 0 : held.cell.attempts;
  endClaim(context, held, { cellRev: rev, attempts });
  return {
    status: 'released',
    key: held.cell.key,
    rev,
    stored_as: storedAsOf(args.value),
    attempts: hasResult ? undefined : attempts,
  };
}

/** @returns the rev of the cell afterwards; 0 if it was deleted */
function writeResult(args: Args, { cell, holder }: HeldCell, context: ToolContext): number {
  if (args.delete) {
    deleteCells(context, cell.run_id, [cell.id]);
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
