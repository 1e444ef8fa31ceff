/**
 * `blackboard_write`: one cell, or up to 20 cells atomically.
 *
 * Guarantees: every entry is planned against the stored cells before anything is written. If one entry is refused (conflict,
 * claimed by another agent, claim lost), nothing is written, and the answer says so for each entry.
 * A write that would change nothing gets no revision, event or version, and wakes no watcher.
 * Concurrency: the whole call is one transaction and a tenant's tools run one after another, so `if_rev` is a true
 * compare-and-set. Revisions are never reused, so a cell that was deleted and written again does not match an old `if_rev`.
 * Fails by a ToolError, which undoes everything, if a value is too large, inexact or does not fit its mode.
 * Memory: the whole stored value is loaded only where a mode or a comparison needs it; a batch holds what one call may read
 * and write.
 */
import * as z from 'zod';
import { invalidInput, notWith } from '../errors.ts';
import {
  anyJson,
  count,
  howToGetTheRest,
  idempotencyKey,
  keyPath,
  optionalName,
  runId,
  storedAs,
  storedAsOf,
  tags,
  ttlSeconds,
  withheld,
} from '../fields.ts';
import { secondsLeft } from '../time.ts';
import { defineTool, type ToolContext } from '../tool.ts';
import { type Cell, cellKey, loadCells, unlessExpired, wholeValue } from './cell.ts';
import { describeHolder, type Holder, holderOf } from './claim-state.ts';
import { findHeldCell } from './claims.ts';
import { currentCell, describeConflict, fittedConflicts } from './conflict.ts';
import { boardExpiry } from './expiry.ts';
import { agent, claimId, revision } from './fields.ts';
import { describeLost, type LostClaim, lostReason } from './lost-claim.ts';
import { type CellWrite, MODES, planWrite, type WritePlan } from './plan-write.ts';
import { saveCell } from './save-cell.ts';
import { sweepAfter, sweepBlackboard } from './sweep.ts';
import { DEFAULT_READ_BYTES } from './value.ts';

const MAX_BATCH = 20;
/** A value is written to its cell and to its history. */
const WRITTEN_COPIES = 2;

const cellFields = {
  agent: optionalName(),
  mode: z.enum(MODES).optional(),
  if_rev: revision().optional(),
  ttl_s: ttlSeconds().optional(),
  tags: tags(),
};

const input = z.strictObject({
  run_id: runId(),
  by: optionalName().describe('Your name.'),
  key: keyPath().optional(),
  value: anyJson()
    .optional()
    .describe('Any JSON, also a list.')
    .meta({ insteadOf: ['entries'] }),
  agent: agent(),
  mode: cellFields.mode.describe('Default set; merge: a JSON merge patch.'),
  if_rev: cellFields.if_rev,
  ttl_s: cellFields.ttl_s,
  tags: cellFields.tags.describe('Replaces the tags.'),
  entries: z
    .array(z.strictObject({ key: keyPath(), value: anyJson(), ...cellFields }))
    .min(1)
    .max(MAX_BATCH)
    .optional()
    .describe('Up to 20, instead of key and value.'),
  claim_id: claimId().optional().describe('Needed for a cell you hold.'),
  idempotency_key: idempotencyKey(),
});

const written = {
  key: z.string(),
  rev: revision().describe('Current rev of the cell; 0: absent.'),
  expires_in_s: count().optional(),
  stored_as: storedAs(),
  current: currentCell.optional().describe('On conflict: the current cell, if any.'),
  reason: lostReason(),
  claim_key: z.string().optional().describe('With claim_lost: the cell of the claim, if it is another.'),
  held_by: z.string().optional().describe('Who holds the cell, or that of the lost claim.'),
  retry_after_ms: count().optional().describe('Time until that claim ends.'),
};

const ENTRY_STATUSES = [
  'created',
  'updated',
  'unchanged',
  'conflict',
  'claimed_by_other',
  'claim_lost',
] as const;

const output = z.strictObject({
  status: z
    .enum([...ENTRY_STATUSES, 'written'])
    .describe('For entries: written or unchanged; with any other, nothing was written.'),
  ...z.strictObject(written).partial().shape,
  entries: z
    .array(
      z.strictObject({
        status: z.enum([...ENTRY_STATUSES, 'not_written']),
        ...written,
      }),
    )
    .optional(),
  hint: howToGetTheRest(),
  withheld: withheld(),
});

type Args = z.output<typeof input>;
type Answer = z.output<typeof output>;
type Entry = NonNullable<Answer['entries']>[number];
type EntryResult = Entry & { status: Exclude<Entry['status'], 'not_written'> };
type PlannedWrite = {
  readonly write: CellWrite;
  readonly stored: Cell | undefined;
  readonly plan:
    | WritePlan
    | { readonly status: 'claim_lost'; readonly lost: LostClaim }
    | { readonly status: 'claimed_by_other'; readonly holder: Holder };
};

export const blackboardWrite = defineTool({
  name: 'blackboard_write',
  title: 'Write to the blackboard',
  description:
    'Stores JSON under a key of a board (run_id) that all agents share: plans, work, results. When others may write too, pass if_rev ' +
    '(the rev you read; 0 = must not exist): a conflict returns the current value and rev. A cell claimed by another agent ' +
    'refuses writes. merge, append and increment change part of a value; entries writes several cells atomically.',
  scope: 'blackboard:write',
  cost: 1,
  grows: true,
  sweep: sweepBlackboard,
  expiry: boardExpiry,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  input,
  output,
  storedFields: ['current', 'held_by', 'entries[].current', 'entries[].held_by', 'hint'],
  log: {
    run_id: 'plain',
    by: 'plain',
    key: 'plain',
    value: 'omit',
    agent: 'plain',
    mode: 'plain',
    if_rev: 'plain',
    ttl_s: 'plain',
    tags: 'plain',
    entries: 'keys',
    claim_id: 'hash',
    idempotency_key: 'hash',
  },
  run: (args, context) => sweepAfter(context, () => respond(args, context)),
});

function respond(args: Args, context: ToolContext): Answer {
  if (args.entries === undefined) return writeOne(toSingleWrite(args, context), args, context);
  return writeAll(toBatchWrites(args, args.entries, context), args, context);
}

function toSingleWrite(args: Args, context: ToolContext): CellWrite {
  if (args.key === undefined)
    throw invalidInput('key', 'key is missing. Give key and value, or entries to write several cells.', {
      missing: args.value === undefined ? ['key', 'value'] : ['key'],
      exclusive: ['key', 'entries'],
    });
  if (args.value === undefined)
    throw invalidInput('value', 'value is missing. Give any JSON value; null is allowed.', {
      missing: ['value'],
    });
  return toCellWrite('', { ...args, key: args.key }, args, context);
}

function toBatchWrites(args: Args, entries: NonNullable<Args['entries']>, context: ToolContext): CellWrite[] {
  for (const field of ['key', 'value', 'if_rev'] as const) {
    if (args[field] !== undefined)
      throw notWith(
        field,
        ['entries', field],
        `${field} cannot be combined with entries. Put it into an entry.`,
      );
  }
  const writes = entries.map((entry, i) => toCellWrite(`entries[${i}].`, entry, args, context));
  const keys = new Set<string>();
  for (const [i, { key }] of writes.entries()) {
    if (keys.has(key))
      throw invalidInput(
        `entries[${i}].key`,
        `entries[${i}].key names the same cell as an earlier entry. Name each cell once.`,
        { expected: 'absent', current: key },
      );
    keys.add(key);
  }
  return writes;
}

/**
 * Arguments that an entry omits are taken from the call.
 * @param path where the entry is in the arguments, for errors: empty or `entries[3].`
 */
function toCellWrite(
  path: string,
  entry: Pick<Args, keyof typeof cellFields> & { key: string; value?: unknown },
  args: Args,
  context: ToolContext,
): CellWrite {
  const agent = entry.agent ?? args.agent;
  return {
    field: `${path}value`,
    key: cellKey(agent, entry.key, `${path}key`),
    mode: entry.mode ?? args.mode ?? 'set',
    value: entry.value,
    author: args.by ?? agent ?? context.author.principal,
    ifRev: entry.if_rev,
    ttlSeconds: entry.ttl_s ?? args.ttl_s,
    tags: entry.tags ?? args.tags,
  };
}

function writeOne(write: CellWrite, args: Args, context: ToolContext): EntryResult {
  const [planned] = planAll([write], args, context);
  if (planned === undefined) throw new Error('one write has one plan');
  if (keepsExpiry(planned)) context.keepsExpiries();
  return applyPlan(planned, args.run_id, context);
}

/** Whether the cell expires when it did before, and has no claim whose end the write could change. */
function keepsExpiry({ stored, plan }: PlannedWrite): boolean {
  if (!('next' in plan)) return true;
  return plan.next.expiresAt === (stored?.expires_at ?? null) && (stored?.claim_until ?? null) === null;
}

/** Writes every cell, or none if one is refused. */
function writeAll(writes: readonly CellWrite[], args: Args, context: ToolContext): Answer {
  const planned = planAll(writes, args, context);
  const refused = planned.map(({ plan }) => plan.status).find(isRefusal);
  if (refused !== undefined) {
    const entries = planned.map((one) =>
      isRefusal(one.plan.status) ? applyPlan(one, args.run_id, context) : notWrittenResult(one, context),
    );
    return { status: refused, ...fittedConflicts(entries, context.answerBytes) };
  }
  if (planned.every(keepsExpiry)) context.keepsExpiries();
  const entries = planned.map((one) => applyPlan(one, args.run_id, context));
  return { status: entries.every(({ status }) => status === 'unchanged') ? 'unchanged' : 'written', entries };
}

const REFUSALS = ['conflict', 'claimed_by_other', 'claim_lost'] as const;

function isRefusal(status: PlannedWrite['plan']['status']): status is (typeof REFUSALS)[number] {
  return REFUSALS.some((refusal) => refusal === status);
}

/** A given `claim_id` must hold, on a written cell or on any other: a write can be guarded by the claim of another cell. */
function planAll(writes: readonly CellWrite[], args: Args, context: ToolContext): PlannedWrite[] {
  const { sql, now } = context;
  const keys = writes.map(({ key }) => key);
  const cells = loadCells(sql, args.run_id, keys, DEFAULT_READ_BYTES);
  const { claim_id } = args;
  const isLost =
    claim_id !== undefined &&
    !keys.some((key) => holderOf(cells.get(key), now)?.id === claim_id) &&
    findHeldCell(context, claim_id, undefined, 1) === undefined;
  const lost = isLost ? describeLost(context, claim_id) : undefined;
  let chars = 0;
  return writes.map((write) => {
    const stored = cells.get(write.key);
    const holder = holderOf(stored, now);
    if (lost !== undefined) return { write, stored, plan: { status: 'claim_lost', lost } };
    if (holder !== undefined && holder.id !== claim_id)
      return { write, stored, plan: { status: 'claimed_by_other', holder } };
    // Before the values are read: a merge that changes nothing passes over all of them as well.
    if (write.mode === 'merge' || write.mode === 'append')
      context.requireWritable(chars + WRITTEN_COPIES * (stored?.bytes ?? 0));
    const plan = planWrite(write, stored, now, (cell) => wholeValue(sql, cell, DEFAULT_READ_BYTES));
    if ('next' in plan) {
      chars += WRITTEN_COPIES * plan.next.json.length;
      context.requireWritable(chars);
    } else if (write.mode === 'merge') chars += WRITTEN_COPIES * (stored?.bytes ?? 0);
    return { write, stored, plan };
  });
}

/** Carries out one plan and returns its result. A refused write changes nothing. */
function applyPlan(planned: PlannedWrite, runId: string, context: ToolContext): EntryResult {
  const { write, stored, plan } = planned;
  const { key } = write;
  switch (plan.status) {
    case 'conflict':
      return {
        status: 'conflict',
        ...describeConflict(key, unlessExpired(stored, context.now), context.now),
      };
    case 'claim_lost':
      return { ...notWrittenResult(planned, context), status: 'claim_lost', ...lostResult(plan.lost, key) };
    case 'claimed_by_other':
      return {
        ...notWrittenResult(planned, context),
        status: 'claimed_by_other',
        ...describeHolder(plan.holder, context.now),
      };
    case 'unchanged':
      return {
        status: 'unchanged',
        key,
        rev: plan.current.rev,
        stored_as: storedAsText(write),
        ...expiry(plan.current.expires_at, context),
      };
    case 'created':
    case 'updated': {
      const rev = saveCell(context, runId, write, plan.next, stored);
      const stored_as = storedAsText(write);
      return { status: plan.status, key, rev, stored_as, ...expiry(plan.next.expiresAt, context) };
    }
  }
}

/** A merge patch and a number to add are read from text; a value and an item are stored as they were sent. */
const storedAsText = ({ mode, value }: CellWrite) =>
  mode === 'set' || mode === 'append' ? storedAsOf(value) : undefined;

function lostResult({ reason, key, held_by, retry_after_ms }: LostClaim, written: string) {
  return { reason, claim_key: key === written ? undefined : key, held_by, retry_after_ms };
}

function notWrittenResult({ write, stored }: PlannedWrite, { now }: ToolContext): Entry {
  return { status: 'not_written', key: write.key, rev: unlessExpired(stored, now)?.rev ?? 0 };
}

const expiry = (expiresAt: number | null, { now }: ToolContext) => ({
  expires_in_s: secondsLeft(expiresAt, now),
});
