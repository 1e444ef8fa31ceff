import * as z from 'zod';
import { invalidInput } from '../errors.ts';
import { count, idempotencyKey, keyPath, optionalName, runId, tags, ttlSeconds } from '../fields.ts';
import { defineTool, type ToolContext } from '../tool.ts';
import { ageSeconds, type Cell, cellKey, live, loadCells, secondsLeft, tagList } from './cell.ts';
import { type Change, MODES, type Plan, planChange } from './change.ts';
import { describeHolder, type Holder, holderOf } from './claim-state.ts';
import { findHeld } from './claims.ts';
import { agent, claimId, revision } from './fields.ts';
import { saveCell } from './store.ts';
import { sweep, sweepBlackboard } from './sweep.ts';
import { DEFAULT_READ_BYTES, MAX_VALUE_BYTES, showValue } from './value.ts';

const MAX_BATCH = 20;

const cellFields = {
  agent: optionalName(),
  mode: z.enum(MODES).optional(),
  if_rev: revision().optional(),
  ttl_s: ttlSeconds().optional(),
  tags: tags(),
};

const input = z.strictObject({
  run_id: runId(),
  by: optionalName().describe('Who writes, as shown to others.'),
  key: keyPath().optional(),
  value: z.unknown().optional().describe('Any JSON, up to 1 MiB.'),
  agent: agent(),
  mode: cellFields.mode.describe(
    'set (default) replaces; merge is a JSON merge patch; append adds one item; increment adds a number.',
  ),
  if_rev: cellFields.if_rev.describe('Write only if the cell has this rev; 0: only if there is none.'),
  ttl_s: cellFields.ttl_s,
  tags: cellFields.tags.describe('Replaces the tags; left out, they stay.'),
  entries: z
    .array(z.strictObject({ key: keyPath(), value: z.unknown(), ...cellFields }))
    .min(1)
    .max(MAX_BATCH)
    .optional()
    .describe('Instead of key and value: cells written together or not at all.'),
  claim_id: claimId()
    .optional()
    .describe('Your claim, needed for a cell that you hold; once it is over nothing is written.'),
  idempotency_key: idempotencyKey(),
});

const current = z.strictObject({
  value: z.unknown(),
  truncated: z.literal(true).optional(),
  bytes: count().optional(),
  rev: revision(),
  by: z.string(),
  age_s: count(),
  tags: z.array(z.string()),
});

const written = {
  key: z.string(),
  rev: revision().describe('The rev that the cell has now; 0: there is none.'),
  expires_in_s: count().optional(),
  current: current.optional().describe('On conflict: what the cell holds, unless it is absent.'),
  held_by: z.string().optional().describe('claimed_by_other: who holds the cell.'),
  retry_after_ms: count()
    .optional()
    .describe('claimed_by_other: when that claim ends, unless it is renewed.'),
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
    .describe('A batch: written or unchanged; with any other nothing is written.'),
  ...z.strictObject(written).partial().shape,
  entries: z
    .array(
      z.strictObject({
        status: z.enum([...ENTRY_STATUSES, 'not_written']),
        ...written,
      }),
    )
    .optional(),
});

type Args = z.output<typeof input>;
type Answer = z.output<typeof output>;
type Entry = NonNullable<Answer['entries']>[number];
type Outcome = Entry & { status: Exclude<Entry['status'], 'not_written'> };
type Planned = {
  readonly change: Change;
  readonly stored: Cell | undefined;
  readonly plan:
    | Plan
    | { readonly status: 'claim_lost' }
    | { readonly status: 'claimed_by_other'; readonly holder: Holder };
};

export const blackboardWrite = defineTool({
  name: 'blackboard_write',
  title: 'Write to the blackboard',
  description:
    'Stores a JSON value under a key on a board that all agents share, so that another agent can go on with it. ' +
    'Use if_rev (the rev you read, 0 for a new cell) when others may write too: a conflict returns what is there now. ' +
    'A cell that another agent has claimed refuses other writes. ' +
    'Use merge, append or increment to change part of a value, and entries to write several cells as one step.',
  scope: 'blackboard:write',
  cost: 1,
  grows: true,
  sweep: sweepBlackboard,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  input,
  output,
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
    entries: 'length',
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
  if (args.entries === undefined) return writeOne(single(args, context), args, context);
  return writeAll(batch(args, args.entries, context), args, context);
}

function single(args: Args, context: ToolContext): Change {
  if (args.key === undefined)
    throw invalidInput('key', 'key is required, or entries to write several cells at once.');
  if (args.value === undefined)
    throw invalidInput('value', 'value is required; it may be any JSON, null too.');
  return change('', { ...args, key: args.key }, args, context);
}

function batch(args: Args, entries: NonNullable<Args['entries']>, context: ToolContext): Change[] {
  for (const field of ['key', 'value', 'if_rev'] as const) {
    if (args[field] !== undefined)
      throw invalidInput(field, `${field} cannot stand beside entries; put it into an entry.`);
  }
  const changes = entries.map((entry, i) => change(`entries[${i}].`, entry, args, context));
  const seen = new Set<string>();
  for (const [i, { key }] of changes.entries()) {
    if (seen.has(key))
      throw invalidInput(
        `entries[${i}].key`,
        `entries[${i}] names the same cell as an entry before it; name each cell once.`,
      );
    seen.add(key);
  }
  return changes;
}

/** What an entry leaves out, the call's own arguments say. */
function change(
  at: string,
  entry: Pick<Args, keyof typeof cellFields> & { key: string; value?: unknown },
  args: Args,
  context: ToolContext,
): Change {
  const agent = entry.agent ?? args.agent;
  return {
    field: `${at}value`,
    key: cellKey(agent, entry.key, `${at}key`),
    mode: entry.mode ?? args.mode ?? 'set',
    value: entry.value,
    author: args.by ?? agent ?? context.author.principal,
    ifRev: entry.if_rev,
    ttlSeconds: entry.ttl_s ?? args.ttl_s,
    tags: entry.tags ?? args.tags,
  };
}

function writeOne(change: Change, args: Args, context: ToolContext): Outcome {
  const [planned] = planAll([change], args, context);
  if (planned === undefined) throw new Error('one change has one plan');
  return settle(planned, args.run_id, context);
}

/** Writes every cell, or, when one is refused, none. */
function writeAll(changes: readonly Change[], args: Args, context: ToolContext): Answer {
  const planned = planAll(changes, args, context);
  const refused = planned.map(({ plan }) => plan.status).find(isRefusal);
  if (refused !== undefined) {
    const entries = planned.map((one) =>
      isRefusal(one.plan.status) ? settle(one, args.run_id, context) : notWritten(one, context),
    );
    return { status: refused, entries };
  }
  const entries = planned.map((one) => settle(one, args.run_id, context));
  return { status: entries.every(({ status }) => status === 'unchanged') ? 'unchanged' : 'written', entries };
}

const REFUSALS = ['conflict', 'claimed_by_other', 'claim_lost'] as const;

function isRefusal(status: Planned['plan']['status']): status is (typeof REFUSALS)[number] {
  return REFUSALS.some((refusal) => refusal === status);
}

/** A claim that is given must hold, be it on a cell that is written or, as a fence, on any other. */
function planAll(changes: readonly Change[], args: Args, context: ToolContext): Planned[] {
  const { sql, now } = context;
  const keys = changes.map(({ key }) => key);
  const cells = loadCells(sql, args.run_id, keys, MAX_VALUE_BYTES);
  const { claim_id } = args;
  const lost =
    claim_id !== undefined &&
    !keys.some((key) => holderOf(cells.get(key), now)?.id === claim_id) &&
    findHeld(context, claim_id, undefined, 1) === undefined;
  return changes.map((change) => {
    const stored = cells.get(change.key);
    const holder = holderOf(stored, now);
    if (lost) return { change, stored, plan: { status: 'claim_lost' } };
    if (holder !== undefined && holder.id !== claim_id)
      return { change, stored, plan: { status: 'claimed_by_other', holder } };
    return { change, stored, plan: planChange(change, stored, now) };
  });
}

function settle(planned: Planned, board: string, context: ToolContext): Outcome {
  const { change, stored, plan } = planned;
  const { key } = change;
  switch (plan.status) {
    case 'conflict':
      return inConflict(planned, context);
    case 'claim_lost':
      return { ...notWritten(planned, context), status: 'claim_lost' };
    case 'claimed_by_other':
      return {
        ...notWritten(planned, context),
        status: 'claimed_by_other',
        ...describeHolder(plan.holder, context.now),
      };
    case 'unchanged':
      return {
        status: 'unchanged',
        key,
        rev: plan.current.rev,
        ...remaining(plan.current.expires_at, context),
      };
    case 'created':
    case 'updated': {
      const rev = saveCell(context, board, change, plan.next, stored);
      return { status: plan.status, key, rev, ...remaining(plan.next.expiresAt, context) };
    }
  }
}

function inConflict({ change, stored }: Planned, context: ToolContext): Outcome {
  const { now } = context;
  const cell = live(stored, now);
  if (cell === undefined) return { status: 'conflict', key: change.key, rev: 0 };
  const current = {
    ...showValue(cell.value, cell.bytes, DEFAULT_READ_BYTES),
    rev: cell.rev,
    by: cell.author,
    age_s: ageSeconds(cell.updated_at, now),
    tags: tagList(cell.tags),
  };
  return {
    status: 'conflict',
    key: change.key,
    rev: cell.rev,
    ...remaining(cell.expires_at, context),
    current,
  };
}

function notWritten({ change, stored }: Planned, { now }: ToolContext): Entry {
  return { status: 'not_written', key: change.key, rev: live(stored, now)?.rev ?? 0 };
}

const remaining = (expiresAt: number | null, { now }: ToolContext) => ({
  expires_in_s: secondsLeft(expiresAt, now),
});
