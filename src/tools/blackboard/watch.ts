import * as z from 'zod';
import { AnswerBudget } from '../answer-budget.ts';
import { count, howToGetTheRest, limit, runId, waitSeconds } from '../fields.ts';
import { ageSeconds } from '../time.ts';
import { defineTool, NotYet } from '../tool.ts';
import { isExpired } from './cell.ts';
import { type BoardEvent, eventsSince, hasLostEvents } from './events.ts';
import { nextExpiryOf } from './expiry.ts';
import { boardTopic, prefixFilter, revision } from './fields.ts';
import { MODES } from './plan-write.ts';
import { isCompact, showAuthor } from './show-cell.ts';
import { preview } from './value.ts';

const OPS = [...MODES, 'delete', 'expired', 'claim', 'release', 'claim_expired'] as const;

const NO_EVENTS = { events: [], upTo: undefined } as const;

const input = z.strictObject({
  run_id: runId(),
  since_rev: revision().describe('next_rev of the last call; 0: all.'),
  prefix: prefixFilter(),
  wait_s: waitSeconds().describe('Up to 25.'),
  limit: limit(50, 200),
});

const output = z.strictObject({
  events: z
    .array(
      z.strictObject({
        rev: revision(),
        op: z.enum(OPS),
        key: z.string(),
        by: z.string().optional().describe('Omitted if the author gave no name.'),
        at: z.iso.datetime().optional(),
        age_s: count().optional().describe('Instead of at, in an answer of more than 20 events.'),
        preview: z
          .string()
          .optional()
          .describe('Start of the JSON text written; omitted in an answer of more than 20 events.'),
      }),
    )
    .describe('Oldest first.'),
  next_rev: revision().describe('since_rev for the next call.'),
  head_rev: revision().describe('The latest rev anywhere.'),
  more: z.boolean().describe('More events exist: call again at once.'),
  reset: z.boolean().describe('Earlier events are lost: read the board again, then continue from next_rev.'),
  hint: howToGetTheRest(),
});

type Answer = z.output<typeof output>;

export const blackboardWatch = defineTool({
  name: 'blackboard_watch',
  title: 'Watch a blackboard',
  description:
    'What was written, deleted, claimed, released and has expired on a board since a rev, in order. With wait_s it waits for news: use it ' +
    'instead of polling, and go on with next_rev.',
  scope: 'blackboard:read',
  cost: 1,
  grows: false,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input,
  output,
  log: { run_id: 'plain', since_rev: 'plain', prefix: 'plain', wait_s: 'plain', limit: 'plain' },
  run(args, { sql, now, mayWait, headRev, answerBytes }): Answer | NotYet {
    const head = headRev();
    const query = { runId: args.run_id, prefix: args.prefix ?? '', since: args.since_rev };
    // A revision above the head was assigned before the tenant's data was erased.
    if (query.since > head) return { events: [], next_rev: head, head_rev: head, more: false, reset: true };
    const behind = query.since < head;
    const { events, upTo } = behind ? eventsSince(sql, query, args.limit, now) : NO_EVENTS;
    const reset = behind && hasLostEvents(sql, query, now);
    if (events.length === 0 && upTo === undefined && !reset && mayWait)
      return new NotYet(boardTopic(args.run_id), nextExpiryOf(sql, args.run_id));
    const described = events.map((event) => describe(event, isCompact(events.length), now));
    const shown = new AnswerBudget(answerBytes).first(described);
    const isCut = shown.length < described.length;
    const next = isCut ? shown.at(-1)?.rev : upTo;
    return {
      events: [...shown],
      next_rev: next ?? head,
      head_rev: head,
      more: next !== undefined,
      reset,
      hint: isCut ? CUT_HINT : undefined,
    };
  },
});

const CUT_HINT = 'The answer ends where it would become too large. Continue from next_rev.';

function describe(event: BoardEvent, compact: boolean, now: number): Answer['events'][number] {
  const value = compact || isExpired(event.expires_at, now) ? null : event.value;
  return {
    rev: event.rev,
    op: event.op,
    key: event.key,
    ...showAuthor(event),
    ...(compact ? { age_s: ageSeconds(event.at, now) } : { at: new Date(event.at).toISOString() }),
    preview: value === null ? undefined : preview(value),
  };
}
