import * as z from 'zod';
import { invalidInput } from '../errors.ts';
import { count, idempotencyKey, keyPath, optionalName, shortName, tags, withheld } from '../fields.ts';
import { showValue } from '../shown-value.ts';
import { secondsLeft } from '../time.ts';
import { defineTool, type ToolContext } from '../tool.ts';
import { type Cell, loadCells, parseTags, selectCells, unlessExpired } from './cell.ts';
import { describeHolder, type Holder, holderOf } from './claim-state.ts';
import { findHeldCell, renewClaim, startClaim } from './claims.ts';
import { claimId, DEFAULT_RUN, prefix, revision } from './fields.ts';
import { oldestFree, whyNoneFree } from './next-free.ts';
import { sweepAfter } from './sweep.ts';
import { DEFAULT_READ_BYTES } from './value.ts';

/** One day. Longer work needs renewals. */
const MAX_CLAIM_S = 86_400;
const DEFAULT_CLAIM_S = 300;

const input = z.strictObject({
  run_id: optionalName(),
  by: shortName().describe('Your name.'),
  key: keyPath().optional(),
  prefix: prefix().describe('Instead of key.'),
  tags: tags().describe('It must have all of these.'),
  ttl_s: z.int().min(1).max(MAX_CLAIM_S).default(DEFAULT_CLAIM_S).describe('Default 300.'),
  claim_id: claimId().optional().describe('To renew this claim.'),
  idempotency_key: idempotencyKey(),
});

const output = z.strictObject({
  status: z
    .enum(['claimed', 'renewed', 'held', 'none', 'lost'])
    .describe('held: by another; none: no such cell or none free; lost: the claim to renew has ended.'),
  claim_id: z.string().optional().describe('For your writes, renewals and release.'),
  fence: revision().optional().describe('Grows with every claim, so other systems can reject a late holder.'),
  key: z.string().optional(),
  value: z.unknown().optional(),
  truncated: z.literal(true).optional(),
  bytes: count().optional().describe('Full size, when truncated.'),
  rev: revision().optional(),
  tags: z.array(z.string()).optional(),
  attempts: count().optional().describe('Claims since the last result, including this one.'),
  expires_in_s: count().optional(),
  held_by: z.string().optional(),
  retry_after_ms: count().optional().describe('Time until the other claim ends, unless renewed.'),
  dead: count().optional().describe('With none: matching cells skipped after 5 failed claims, up to 1,000.'),
  withheld: withheld(),
});

type Args = z.output<typeof input>;
type Answer = z.output<typeof output>;

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
  storedFields: ['value', 'truncated', 'bytes', 'tags', 'held_by'],
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
  run: (args, context) => sweepAfter(context, () => respond(args, context)),
});

function respond(args: Args, context: ToolContext): Answer {
  const { key, claim_id } = args;
  const isSelection = args.prefix !== undefined || args.tags !== undefined;
  if (isSelection && (key !== undefined || claim_id !== undefined)) {
    const field = args.prefix === undefined ? 'tags' : 'prefix';
    throw invalidInput(
      field,
      `${field} selects the next free cell and cannot be combined with key or claim_id. Leave one of them out.`,
    );
  }
  if (claim_id !== undefined) return renew(args, claim_id, context);
  if (key !== undefined) return claimKey(args, key, context);
  if (isSelection) return claimNext(args, context);
  throw invalidInput(
    'key',
    'No cell is named. Give key, prefix or tags for the oldest free cell, or claim_id to renew a claim.',
  );
}

function renew(args: Args, claimId: string, context: ToolContext): Answer {
  const held = findHeldCell(context, claimId, args.run_id, 1);
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
  const cell = unlessExpired(
    loadCells(sql, args.run_id ?? DEFAULT_RUN, [key], DEFAULT_READ_BYTES).get(key),
    now,
  );
  if (cell === undefined) return { status: 'none', key };
  const holder = holderOf(cell, now);
  if (holder === undefined) return claimed(cell, startClaim(context, cell, args.by, args.ttl_s), now);
  return { status: 'held', key, rev: cell.rev, ...describeHolder(holder, now) };
}

function claimNext(args: Args, context: ToolContext): Answer {
  const { sql, now } = context;
  const selection = {
    runId: args.run_id ?? DEFAULT_RUN,
    prefix: args.prefix ?? '',
    tags: [...new Set(args.tags)],
    now,
  };
  const id = oldestFree(sql, selection);
  const [cell] = id === undefined ? [] : selectCells(sql, 'id = ?', [id], DEFAULT_READ_BYTES);
  if (cell !== undefined) return claimed(cell, startClaim(context, cell, args.by, args.ttl_s), now);
  const { until, dead } = whyNoneFree(sql, selection);
  return {
    status: 'none',
    retry_after_ms: until === undefined ? undefined : until - now,
    dead: dead || undefined,
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
    tags: parseTags(cell.tags),
    attempts: cell.attempts + 1,
    expires_in_s: secondsLeft(holder.until, now),
  };
}
