import * as z from 'zod';
import { invalidInput } from '../errors.ts';
import { count, optionalName, tags } from '../fields.ts';
import { defineTool, type ToolContext } from '../tool.ts';
import { planChange } from './change.ts';
import { endClaim, findHeld, findReleased, type Held } from './claims.ts';
import { claimId, revision } from './fields.ts';
import { deleteCells } from './remove.ts';
import { saveCell } from './store.ts';
import { sweep } from './sweep.ts';

const input = z.strictObject({
  run_id: optionalName().describe('The board, if you want it checked: the claim_id finds the cell.'),
  claim_id: claimId(),
  value: z.unknown().optional().describe('The result: replaces the value. Any JSON, up to 1 MiB.'),
  tags: tags().describe('Replaces the tags.'),
  delete: z.boolean().default(false).describe('Deletes the cell: the item is done and leaves the queue.'),
});

const output = z.strictObject({
  status: z
    .enum(['released', 'already_released', 'lost'])
    .describe('lost: the claim is over and nothing was written.'),
  key: z.string().optional(),
  rev: revision().optional().describe('The rev that the cell has after the release; 0: it was deleted.'),
  attempts: count()
    .optional()
    .describe('Without a result: the failed attempts so far; with 5 the item is dead.'),
});

type Args = z.output<typeof input>;
type Answer = z.output<typeof output>;

export const blackboardRelease = defineTool({
  name: 'blackboard_release',
  title: 'Release a claimed cell',
  description:
    'Ends a claim, and with value, tags or delete writes its result in the same step, or nothing when the claim is lost. ' +
    'The cell is free again, also for those who claim the next one: delete it, or change the tags they ask for, when it is done. ' +
    'Without value, tags or delete the work counts as a failed attempt. Repeating the call is safe.',
  scope: 'blackboard:write',
  cost: 1,
  grows: true,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input,
  output,
  log: { run_id: 'plain', claim_id: 'hash', value: 'omit', tags: 'plain', delete: 'plain' },
  run(args, context) {
    if (args.delete && (args.value !== undefined || args.tags !== undefined))
      throw invalidInput('delete', 'delete excludes value and tags; leave them out.');
    const before = context.headRev();
    const held = findHeld(context, args.claim_id, args.run_id);
    const answer = held === undefined ? tooLate(args, context) : release(args, held, context);
    sweep(context, before);
    return answer;
  },
});

function tooLate(args: Args, context: ToolContext): Answer {
  const released = findReleased(context, args.claim_id, args.run_id);
  if (released === undefined) return { status: 'lost' };
  return { status: 'already_released', key: released.key, rev: released.cell_rev };
}

function release(args: Args, held: Held, context: ToolContext): Answer {
  const hasResult = args.delete || args.value !== undefined || args.tags !== undefined;
  const rev = hasResult ? writeResult(args, held, context) : held.cell.rev;
  const attempts = hasResult ? 0 : held.cell.attempts;
  endClaim(context, held, { cellRev: rev, attempts });
  return { status: 'released', key: held.cell.key, rev, attempts: hasResult ? undefined : attempts };
}

/** Returns the rev that the cell has then; 0 when it is deleted. */
function writeResult(args: Args, { cell, holder }: Held, context: ToolContext): number {
  if (args.delete) {
    deleteCells(context, cell.run_id, [cell.id]);
    return 0;
  }
  const change = {
    field: 'value',
    key: cell.key,
    mode: 'set',
    value: args.value === undefined ? JSON.parse(cell.value) : args.value,
    author: holder.by,
    ifRev: undefined,
    ttlSeconds: 'keep',
    tags: args.tags,
  } as const;
  const plan = planChange(change, cell, context.now);
  return plan.status === 'updated' ? saveCell(context, cell.run_id, change, plan.next, cell) : cell.rev;
}
