import * as z from 'zod';
import { limit, runId } from '../fields.ts';
import { defineTool, NotYet } from '../tool.ts';
import { isExpired } from './cell.ts';
import { MODES } from './change.ts';
import { type BoardEvent, eventsSince, isIncomplete } from './events.ts';
import { boardTopic, prefix, revision } from './fields.ts';
import { preview } from './value.ts';

const MAX_WAIT_S = 25;
const OPS = [...MODES, 'delete', 'claim', 'release'] as const;

const NOTHING = { events: [], upTo: undefined } as const;

const input = z.strictObject({
  run_id: runId(),
  since_rev: revision().describe('next_rev of the call before; 0: from the beginning.'),
  prefix: prefix().describe('Only keys that begin with this text.'),
  wait_s: z.int().min(0).max(MAX_WAIT_S).default(0).describe('How long to wait when there is nothing new.'),
  limit: limit(50, 200),
});

const output = z.strictObject({
  events: z
    .array(
      z.strictObject({
        rev: revision(),
        op: z.enum(OPS),
        key: z.string(),
        by: z.string(),
        at: z.iso.datetime(),
        preview: z.string().optional().describe('The beginning of the JSON text that was written.'),
      }),
    )
    .describe('Oldest first.'),
  next_rev: revision().describe('since_rev for the next call.'),
  head_rev: revision().describe('The last rev that was taken anywhere.'),
  more: z.boolean().describe('There are more events: call again at once.'),
  reset: z
    .boolean()
    .describe('Events before these are no longer kept: read the board anew, then go on from next_rev.'),
});

type Answer = z.output<typeof output>;

export const blackboardWatch = defineTool({
  name: 'blackboard_watch',
  title: 'Watch a blackboard',
  description:
    'Tells what was written, deleted, claimed and released on a board after since_rev, each event once and in order. ' +
    'Answers at once when there is news, else waits up to wait_s for it: use it instead of reading again and again. ' +
    'Go on with next_rev. That a cell or a claim expires is not an event.',
  scope: 'blackboard:read',
  cost: 1,
  grows: false,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input,
  output,
  log: { run_id: 'plain', since_rev: 'plain', prefix: 'plain', wait_s: 'plain', limit: 'plain' },
  run(args, { sql, now, mayWait, headRev }): Answer | NotYet {
    const head = headRev();
    const watched = { runId: args.run_id, prefix: args.prefix ?? '', since: args.since_rev };
    // A revision that was never taken is of a time before the tenant's data was erased.
    if (watched.since > head) return { events: [], next_rev: head, head_rev: head, more: false, reset: true };
    const behind = watched.since < head;
    const { events, upTo } = behind ? eventsSince(sql, watched, args.limit, now) : NOTHING;
    const reset = behind && isIncomplete(sql, watched, now);
    if (events.length === 0 && upTo === undefined && !reset && mayWait)
      return new NotYet(boardTopic(args.run_id));
    return {
      events: events.map((event) => describe(event, now)),
      next_rev: upTo ?? head,
      head_rev: head,
      more: upTo !== undefined,
      reset,
    };
  },
});

function describe(event: BoardEvent, now: number): Answer['events'][number] {
  const shown = isExpired(event.expires_at, now) ? null : event.value;
  return {
    rev: event.rev,
    op: event.op,
    key: event.key,
    by: event.author,
    at: new Date(event.at).toISOString(),
    preview: shown === null ? undefined : preview(shown),
  };
}
