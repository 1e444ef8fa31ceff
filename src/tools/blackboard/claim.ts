import * as z from 'zod';
import { AnswerBudget } from '../answer-budget.ts';
import { invalidInput, noneOf } from '../errors.ts';
import {
  count,
  howToGetTheRest,
  idempotencyKey,
  keyPath,
  leftOut,
  optionalName,
  shortName,
  tags,
  waitSeconds,
  withheld,
} from '../fields.ts';
import { showValue } from '../shown-value.ts';
import { secondsLeft } from '../time.ts';
import { defineTool, NotYet, type ToolContext } from '../tool.ts';
import { type Cell, loadCells, selectCells, unlessExpired } from './cell.ts';
import { describeHolder, type Holder, holderOf } from './claim-state.ts';
import { findHeldCell, renewClaim, startClaim } from './claims.ts';
import { claimId, DEFAULT_RUN, prefix, queueTopic, revision } from './fields.ts';
import { describeLost, heldByOther, lostReason } from './lost-claim.ts';
import { FreeCells } from './next-free.ts';
import { showTags } from './show-cell.ts';
import { sweepAfter } from './sweep.ts';
import { DEFAULT_READ_BYTES } from './value.ts';
import { whyNoneFree } from './why-none-free.ts';

/** One day. Longer work needs renewals. */
const MAX_CLAIM_S = 86_400;
const DEFAULT_CLAIM_S = 300;
const MAX_ITEMS = 10;
/** What the values of several items take of an answer. */
const VALUES_SHARE = 0.75;

const input = z.strictObject({
  run_id: optionalName(),
  by: shortName().describe('Your name.'),
  key: keyPath().optional(),
  prefix: prefix().describe('Instead of key.'),
  tags: tags().describe('It must have all of these.'),
  count: z.int().min(1).max(MAX_ITEMS).optional().describe('Up to 10, answered in items.'),
  wait_s: waitSeconds().describe('Up to 25, if none is free.'),
  ttl_s: z.int().min(1).max(MAX_CLAIM_S).default(DEFAULT_CLAIM_S).describe('Default 300.'),
  claim_id: claimId().optional().describe('To renew this claim.'),
  take_over: z.boolean().default(false).describe('With key: take it from its holder.'),
  idempotency_key: idempotencyKey(),
});

const claimedCell = {
  claim_id: z.string().describe('For your writes, renewals and release.'),
  fence: revision().describe('Grows with every claim, so other systems can reject a late holder.'),
  key: z.string(),
  value: z.unknown().optional(),
  truncated: z.literal(true).optional(),
  left_out: leftOut(),
  bytes: count().optional().describe('Full size, when truncated or left out.'),
  rev: revision(),
  tags: z.array(z.string()).optional(),
  attempts: count().describe('Claims since the last result, including this one.'),
  failed: z.string().optional().describe('Why the last attempt failed.'),
  expires_in_s: count().optional(),
};

const output = z.strictObject({
  status: z
    .enum(['claimed', 'renewed', 'held', 'none', 'lost'])
    .describe('held: by another; none: no such cell or none free; lost: the claim to renew has ended.'),
  ...z.strictObject(claimedCell).partial().shape,
  items: z.array(z.strictObject(claimedCell)).optional().describe('With count: the claimed cells.'),
  taken_from: z.string().optional().describe('Who held the cell that you took over.'),
  reason: lostReason(),
  ...heldByOther,
  retry_after_ms: count().optional().describe('When the next claim or delay ends, unless renewed.'),
  held: count().optional().describe('With none: matching cells that others hold, counted up to 50.'),
  delayed: count().optional().describe('With none: those released with delay_s, up to 50.'),
  dead: count().optional().describe('With none: those skipped after 5 failed claims, up to 1,000.'),
  hint: howToGetTheRest(),
  withheld: withheld(),
});

type Args = z.output<typeof input>;
type Answer = z.output<typeof output>;
type Claimed = NonNullable<Answer['items']>[number];

export const blackboardClaim = defineTool({
  name: 'blackboard_claim',
  title: 'Claim a cell of the blackboard',
  description:
    'Takes a cell so that only you work on it: the one at key, or the oldest free one under prefix, as from a queue. Pass ' +
    'claim_id to blackboard_write, renew it before ttl_s ends, finish with blackboard_release. An expired claim, or a release ' +
    'without result, is a failed attempt; after 5 the item is dead.',
  scope: 'blackboard:write',
  cost: 1,
  // What a claim stores is part of its cell, or a mark, which has a share of its own. So workers can empty a queue when the quota is reached.
  grows: false,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  input,
  output,
  storedFields: [
    ...['value', 'truncated', 'bytes', 'tags', 'failed'].flatMap((field) => [field, `items[].${field}`]),
    'held_by',
    'taken_from',
    'items[].left_out',
    'hint',
  ],
  log: {
    run_id: 'plain',
    by: 'plain',
    key: 'plain',
    prefix: 'plain',
    tags: 'plain',
    count: 'plain',
    wait_s: 'plain',
    ttl_s: 'plain',
    claim_id: 'hash',
    take_over: 'plain',
    idempotency_key: 'hash',
  },
  run: (args, context) => sweepAfter(context, () => respond(args, context)),
});

function respond(args: Args, context: ToolContext): Answer | NotYet {
  const { key, claim_id } = args;
  const isSelection = args.prefix !== undefined || args.tags !== undefined;
  if (isSelection && (key !== undefined || claim_id !== undefined)) {
    const field = args.prefix === undefined ? 'tags' : 'prefix';
    throw invalidInput(
      field,
      `${field} selects the next free cell and cannot be combined with key or claim_id. Leave one of them out.`,
      { expected: 'absent', exclusive: ['key', field, 'claim_id'] },
    );
  }
  if (args.count !== undefined && !isSelection)
    throw invalidInput(
      'count',
      'count claims several free cells. Give prefix or tags with it, not key or claim_id.',
      { expected: 'absent', exclusive: ['count', 'key', 'claim_id'] },
    );
  if (args.take_over && (key === undefined || claim_id !== undefined))
    throw invalidInput('take_over', 'take_over needs the key of the cell to take over, and no claim_id.', {
      expected: 'absent',
      exclusive: ['take_over', 'claim_id'],
    });
  if (claim_id !== undefined) return renew(args, claim_id, context);
  if (key !== undefined) return claimKey(args, key, context);
  if (isSelection) return claimNext(args, context);
  throw noneOf(
    'key',
    ['key', 'prefix', 'tags', 'claim_id'],
    'No cell is named. Give key, prefix or tags for the oldest free cell, or claim_id to renew a claim.',
  );
}

function renew(args: Args, claimId: string, context: ToolContext): Answer {
  const held = findHeldCell(context, claimId, args.run_id, 1);
  if (held === undefined || (args.key !== undefined && args.key !== held.cell.key))
    return { status: 'lost', ...describeLost(context, claimId) };
  const until = renewClaim(context, held, args.ttl_s);
  const { key, rev, attempts } = held.cell;
  return {
    status: 'renewed',
    claim_id: claimId,
    fence: held.holder.fence,
    key,
    rev,
    attempts,
    expires_in_s: secondsLeft(until, context.now),
  };
}

function claimKey(args: Args, key: string, context: ToolContext): Answer | NotYet {
  const { sql, now, mayWait } = context;
  const runId = args.run_id ?? DEFAULT_RUN;
  const cell = unlessExpired(loadCells(sql, runId, [key], DEFAULT_READ_BYTES).get(key), now);
  const holder = holderOf(cell, now);
  if (cell !== undefined && (holder === undefined || args.take_over)) {
    const claimed = claimCell(args, cell, DEFAULT_READ_BYTES, context);
    return { status: 'claimed', ...claimed, taken_from: holder?.by };
  }
  if (mayWait) return new NotYet(queueTopic(runId), holder?.until);
  if (cell === undefined || holder === undefined) return { status: 'none', key };
  return { status: 'held', key, rev: cell.rev, ...describeHolder(holder, now) };
}

function claimNext(args: Args, context: ToolContext): Answer | NotYet {
  const { sql, now, mayWait } = context;
  const selection = {
    runId: args.run_id ?? DEFAULT_RUN,
    prefix: args.prefix ?? '',
    tags: [...new Set(args.tags)],
    now,
  };
  const wanted = args.count ?? 1;
  const maxBytes = Math.min(DEFAULT_READ_BYTES, Math.floor((VALUES_SHARE * context.answerBytes) / wanted));
  const items: { whole: Claimed; short: Claimed }[] = [];
  const free = new FreeCells(context, selection);
  while (items.length < wanted) {
    const id = free.oldest();
    const [cell] = id === undefined ? [] : selectCells(sql, 'id = ?', [id], maxBytes);
    if (cell === undefined) break;
    const whole = claimCell(args, cell, maxBytes, context);
    items.push({ whole, short: withoutValue(whole, cell) });
  }
  const [first] = items;
  if (first !== undefined)
    return args.count === undefined ? { status: 'claimed', ...first.whole } : claimedItems(items, context);
  const { until, held, delayed, dead } = whyNoneFree(sql, selection);
  if (mayWait) return new NotYet(queueTopic(selection.runId), until);
  return {
    status: 'none',
    retry_after_ms: until === undefined ? undefined : until - now,
    held: held || undefined,
    delayed: delayed || undefined,
    dead: dead || undefined,
  };
}

/** All items, for their claims have started; the values as far as they fit. */
function claimedItems(items: readonly { whole: Claimed; short: Claimed }[], context: ToolContext): Answer {
  const shown = new AnswerBudget(context.answerBytes).wholeOrShort(items);
  return {
    status: 'claimed',
    items: shown,
    hint: shown.some(({ left_out }) => left_out) ? LEFT_OUT_HINT : undefined,
  };
}

const LEFT_OUT_HINT =
  'Values with left_out did not fit. Read each with blackboard_read, or claim fewer items.';

function withoutValue({ claim_id, fence, key, rev, attempts, expires_in_s }: Claimed, cell: Cell): Claimed {
  return { claim_id, fence, key, left_out: true, bytes: cell.bytes, rev, attempts, expires_in_s };
}

function claimCell(args: Args, cell: Cell, maxBytes: number, context: ToolContext): Claimed {
  const holder: Holder = startClaim(context, cell, args.by, args.ttl_s);
  return {
    claim_id: holder.id,
    fence: holder.fence,
    key: cell.key,
    ...showValue(cell.value, cell.bytes, maxBytes),
    rev: cell.rev,
    ...showTags(cell.tags),
    attempts: cell.attempts + 1,
    failed: cell.failure ?? undefined,
    expires_in_s: secondsLeft(holder.until, context.now),
  };
}
