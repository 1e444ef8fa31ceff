import * as z from 'zod';
import { invalidInput } from '../errors.ts';
import { count, idempotencyKey, keyPath, optionalName, shortName, tags } from '../fields.ts';
import { defineTool, type ToolContext } from '../tool.ts';
import { type Cell, live, loadCells, secondsLeft, selectCells, tagList } from './cell.ts';
import { describeHolder, type Holder, holderOf, MAX_FAILED_ATTEMPTS } from './claim-state.ts';
import { findHeld, renewClaim, takeClaim } from './claims.ts';
import { claimId, DEFAULT_RUN, prefix, revision } from './fields.ts';
import { cellFilter } from './listing.ts';
import { sweep } from './sweep.ts';
import { DEFAULT_READ_BYTES, showValue } from './value.ts';

/** Of so many free items the oldest is found; when there are more, it is the oldest of the first in key order. */
const MAX_CANDIDATES = 10_000;
/** A day: whoever works longer renews. */
const MAX_CLAIM_S = 86_400;
const DEFAULT_CLAIM_S = 300;

const input = z.strictObject({
  run_id: optionalName().describe('The board.'),
  by: shortName().describe('Who claims, as shown to others.'),
  key: keyPath().optional().describe('This cell.'),
  prefix: prefix().describe('Instead of key: the oldest free cell whose key begins with this text.'),
  tags: tags().describe('With or instead of prefix: it must have all of these.'),
  ttl_s: z.int().min(1).max(MAX_CLAIM_S).default(DEFAULT_CLAIM_S),
  claim_id: claimId().optional().describe('Renews this claim for ttl_s from now.'),
  idempotency_key: idempotencyKey(),
});

const output = z.strictObject({
  status: z
    .enum(['claimed', 'renewed', 'held', 'none', 'lost'])
    .describe('held: by another; none: no such cell or none free; lost: the claim to renew is over.'),
  claim_id: z.string().optional().describe('Proves the claim: for writes, renewal and release.'),
  fence: revision().optional().describe('Grows with every claim: lets other systems refuse a late holder.'),
  key: z.string().optional(),
  value: z.unknown().optional(),
  truncated: z.literal(true).optional(),
  bytes: count().optional().describe('The size of the whole value, when truncated.'),
  rev: revision().optional(),
  tags: z.array(z.string()).optional(),
  attempts: count().optional().describe('Claims since the last result, this one included.'),
  expires_in_s: count().optional(),
  held_by: z.string().optional(),
  retry_after_ms: count().optional().describe('When the claim in the way ends, unless it is renewed.'),
  dead: count().optional().describe('With none: matching cells left out because 5 claims failed.'),
});

type Args = z.output<typeof input>;
type Answer = z.output<typeof output>;

export const blackboardClaim = defineTool({
  name: 'blackboard_claim',
  title: 'Claim a cell of the blackboard',
  description:
    'Takes a cell so that only you work on it: the one named by key, or the oldest free one under prefix, as from a queue. ' +
    'Give the claim_id to blackboard_write, renew it before ttl_s is over, and end it with blackboard_release. ' +
    'A claim that expires, or is released without a result, is a failed attempt; after 5 an item is dead, which only key can claim ' +
    'until its value is changed.',
  scope: 'blackboard:write',
  cost: 1,
  grows: true,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  input,
  output,
  log: {
    run_id: 'plain',
    by: 'plain',
    key: 'plain',
    prefix: 'plain',
    tags: 'plain',
    ttl_s: 'plain',
    claim_id: 'hash',
    idempotency_key: 'hash',
  },
  run(args, context) {
    const before = context.headRev();
    const answer = respond(args, context);
    sweep(context, before);
    return answer;
  },
});

function respond(args: Args, context: ToolContext): Answer {
  const { key, claim_id } = args;
  const next = args.prefix !== undefined || args.tags !== undefined;
  if (next && (key !== undefined || claim_id !== undefined))
    throw invalidInput(
      args.prefix === undefined ? 'tags' : 'prefix',
      'prefix and tags ask for the next free cell, so they cannot stand beside key or claim_id.',
    );
  if (claim_id !== undefined) return renew(args, claim_id, context);
  if (key !== undefined) return claimKey(args, key, context);
  if (next) return claimNext(args, context);
  throw invalidInput('key', 'key is required, or prefix for the oldest free cell, or claim_id to renew.');
}

function renew(args: Args, claimId: string, context: ToolContext): Answer {
  const held = findHeld(context, claimId, args.run_id, 1);
  if (held === undefined || (args.key !== undefined && args.key !== held.cell.key)) return { status: 'lost' };
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

function claimKey(args: Args, key: string, context: ToolContext): Answer {
  const { sql, now } = context;
  const cell = live(loadCells(sql, args.run_id ?? DEFAULT_RUN, [key], DEFAULT_READ_BYTES).get(key), now);
  if (cell === undefined) return { status: 'none', key };
  const holder = holderOf(cell, now);
  if (holder === undefined) return claimed(cell, takeClaim(context, cell, args.by, args.ttl_s), now);
  return { status: 'held', key, rev: cell.rev, ...describeHolder(holder, now) };
}

function claimNext(args: Args, context: ToolContext): Answer {
  const { sql, now } = context;
  const chosen = [args.run_id ?? DEFAULT_RUN, args.prefix ?? '', [...new Set(args.tags)], now] as const;
  const free = cellFilter(...chosen, 'free');
  const [cell] = selectCells(
    sql,
    `id = (SELECT id FROM (SELECT id, rev FROM board_cells WHERE ${free.where} LIMIT ?) ORDER BY rev LIMIT 1)`,
    [...free.bindings, MAX_CANDIDATES],
    DEFAULT_READ_BYTES,
  );
  if (cell !== undefined) return claimed(cell, takeClaim(context, cell, args.by, args.ttl_s), now);
  const all = cellFilter(...chosen);
  const [rest] = sql.exec<{ until: number | null; dead: number }>(
    `SELECT min(claim_until) FILTER (WHERE claim_until > ?) AS until,
       count(*) FILTER (WHERE attempts >= ? AND (claim_until IS NULL OR claim_until <= ?)) AS dead
     FROM board_cells WHERE ${all.where}`,
    now,
    MAX_FAILED_ATTEMPTS,
    now,
    ...all.bindings,
  );
  return {
    status: 'none',
    retry_after_ms: rest === undefined || rest.until === null ? undefined : rest.until - now,
    dead: rest?.dead || undefined,
  };
}

function claimed(cell: Cell, holder: Holder, now: number): Answer {
  return {
    status: 'claimed',
    claim_id: holder.id,
    fence: holder.fence,
    key: cell.key,
    ...showValue(cell.value, cell.bytes, DEFAULT_READ_BYTES),
    rev: cell.rev,
    tags: tagList(cell.tags),
    attempts: cell.attempts + 1,
    expires_in_s: secondsLeft(holder.until, now),
  };
}
