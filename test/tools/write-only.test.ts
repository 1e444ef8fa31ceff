import { describe, expect, test } from 'vitest';
import { openTenant } from '#host';
import { catalogue } from '../../src/catalogue.ts';
import { type AnyTool, isRemoteTool } from '../../src/tools/remote-tool.ts';
import type { Scope, Tool } from '../../src/tools/tool.ts';
import type { Answer, TestTenant } from '../support/tenant.ts';

/** Writing is not reading: a token with a write scope alone is answered with nothing that others have stored. */

/** Stored in every text that a tool stores, and in no argument of the calls that are tried. */
const CANARY = 'canary';

async function store(tenant: TestTenant): Promise<Answer[]> {
  const value = { secret: CANARY };
  const answers: Answer[] = [];
  const keep = async (tool: string, args: Record<string, unknown>) => {
    answers.push(await tenant.ok(tool, args));
  };
  for (const key of ['plain', 'job/1', 'job/2', 'tried', 'held', `drop/${CANARY}`])
    await keep('blackboard_write', { key, value, tags: [CANARY], by: CANARY });
  // The first claim is lost.
  await keep('blackboard_claim', { key: 'held', by: 'w' });
  await tenant.ok('blackboard_claim', { key: 'held', by: CANARY, take_over: true });
  const { claim_id } = await tenant.ok('blackboard_claim', { key: 'tried', by: 'w' });
  await tenant.ok('blackboard_release', { claim_id, failed: CANARY });
  await keep('scar_record', {
    ...failure,
    cause: CANARY,
    action: CANARY,
    tags: [CANARY],
    resolution: CANARY,
  });
  await keep('scar_record', { error_type: 'Other', error_message: CANARY, resolution: CANARY });
  await keep('cache_set', { model: 'm', prompt: 'p', response: CANARY, tags: [CANARY] });
  return answers;
}

const failure = { error_type: 'TimeoutError', error_message: 'upstream timed out' };

/** A call of a write-only token, and the fields that its answer would show to a token that may read. */
interface Attempt {
  readonly tool: string;
  readonly args: Record<string, unknown>;
  readonly shows?: readonly string[];
}

const ATTEMPTS: readonly Attempt[] = [
  { tool: 'blackboard_write', args: { key: 'plain', value: 1, if_rev: 0 }, shows: ['current'] },
  {
    tool: 'blackboard_write',
    args: {
      entries: [
        { key: 'plain', value: 1, if_rev: 0 },
        { key: 'held', value: 1 },
      ],
    },
    shows: ['entries[].current', 'entries[].held_by'],
  },
  { tool: 'blackboard_write', args: { key: 'held', value: 1 }, shows: ['held_by'] },
  { tool: 'blackboard_write', args: { key: 'plain', value: {}, mode: 'merge' } },
  { tool: 'blackboard_write', args: { key: 'plain', value: 1, mode: 'append' } },
  { tool: 'blackboard_write', args: { key: 'plain', value: 1, claim_id: 'none' } },
  { tool: 'blackboard_write', args: { key: 'plain', value: 1, claim_id: 'lost' }, shows: ['held_by'] },
  {
    tool: 'blackboard_write',
    args: { entries: [{ key: 'plain', value: 1 }], claim_id: 'lost' },
    shows: ['entries[].held_by'],
  },
  { tool: 'blackboard_claim', args: { key: 'held', by: 'w' }, shows: ['held_by'] },
  { tool: 'blackboard_claim', args: { key: 'job/1', by: 'w' }, shows: ['value', 'tags'] },
  { tool: 'blackboard_claim', args: { prefix: 'job/', by: 'w' }, shows: ['value', 'tags'] },
  { tool: 'blackboard_claim', args: { prefix: 'none/', by: 'w' } },
  { tool: 'blackboard_claim', args: { key: 'tried', by: 'w' }, shows: ['value', 'tags', 'failed'] },
  {
    tool: 'blackboard_claim',
    args: { prefix: 'tried', count: 2, by: 'w' },
    shows: ['items[].value', 'items[].tags', 'items[].failed'],
  },
  {
    tool: 'blackboard_claim',
    args: { key: 'held', take_over: true, by: 'w' },
    shows: ['value', 'tags', 'taken_from'],
  },
  { tool: 'blackboard_claim', args: { claim_id: 'lost', by: 'w' }, shows: ['held_by'] },
  { tool: 'blackboard_release', args: { claim_id: 'none' } },
  { tool: 'blackboard_release', args: { claim_id: 'lost' }, shows: ['held_by'] },
  { tool: 'blackboard_delete', args: { prefix: 'drop/', dry_run: true }, shows: ['keys'] },
  { tool: 'blackboard_delete', args: { prefix: 'drop/' }, shows: ['keys'] },
  { tool: 'scar_record', args: { ...failure, run_id: 'r' }, shows: ['known_fix'] },
  {
    tool: 'scar_record',
    args: { ...failure, error_message: 'upstream timed out again and again' },
    shows: ['known_fix', 'similar'],
  },
  { tool: 'scar_resolve', args: { scar_id: 'S-7', outcome: 'worked' } },
  { tool: 'scar_resolve', args: { scar_id: 'S-7', outcome: 'failed', fix_id: 'F-0' } },
  { tool: 'scar_update', args: { scar_id: 'S-7', severity: 'high', if_rev: 1 } },
  { tool: 'scar_update', args: { scar_id: 'S-7', severity: 'high' } },
  { tool: 'scar_delete', args: { scar_id: 'S-7', dry_run: true } },
  { tool: 'scar_delete', args: { scar_id: 'S-7' } },
  { tool: 'cache_set', args: { model: 'm', prompt: 'p', error: 'failed' } },
  { tool: 'cache_set', args: { model: 'm', prompt: 'p', response: 'other' } },
  { tool: 'cache_invalidate', args: { model: 'm' } },
];

const isWriting = (tool: AnyTool): tool is Tool & { scope: Scope } =>
  tool.scope.endsWith(':write') && !isRemoteTool(tool);
const WRITING = catalogue.all.filter(isWriting);
const scopeOf = (tool: string) => WRITING.filter(({ name }) => name === tool).map(({ scope }) => scope);

/** What the tool answers, as text: an answer or an error. */
async function textOf(
  tenant: TestTenant,
  { tool, args }: Attempt,
  stored: readonly Answer[],
): Promise<string> {
  const handles = {
    ...('scar_id' in args && { scar_id: handleOf(stored, 'scar_id') }),
    ...(args.claim_id === 'lost' && { claim_id: handleOf(stored, 'claim_id') }),
  };
  const outcome = await tenant.outcome(tool, { ...args, ...handles });
  expect(outcome.kind).toMatch(/^(answer|error)$/);
  return outcome.kind === 'answer' ? outcome.json : JSON.stringify(outcome);
}

const handleOf = (stored: readonly Answer[], name: string) =>
  stored.map((answer) => answer[name]).find((handle) => handle !== undefined);

describe.each(ATTEMPTS)('$tool $args', (attempt) => {
  const { tool, shows = [] } = attempt;

  test('shows a writer nothing that others have stored, and names what it withholds', async () => {
    const owner = await openTenant();
    const stored = await store(owner);
    const writer = await owner.otherPrincipal(scopeOf(tool));
    const text = await textOf(writer, attempt, stored);
    expect(text).not.toContain(CANARY);
    const { withheld } = JSON.parse(text);
    expect(withheld?.fields ?? []).toEqual(shows);
    if (shows.length > 0) expect(withheld.scope).toBe(String(scopeOf(tool)).replace(':write', ':read'));
  });

  test('shows them to a token that may read', async () => {
    const owner = await openTenant();
    const stored = await store(owner);
    const text = await textOf(owner, attempt, stored);
    expect(text).not.toContain('withheld');
    if (shows.length > 0) expect(text).toContain(CANARY);
  });
});

test('a repeat with the same idempotency key shows each token what that token may read', async () => {
  const owner = await openTenant();
  await store(owner);
  const writer = await owner.otherPrincipal(['blackboard:write']);
  for (const [first, key] of [
    [owner, 'a'],
    [writer, 'b'],
  ] as const) {
    const args = { key: 'plain', value: 1, if_rev: 0, idempotency_key: key };
    await first.ok('blackboard_write', args);
    expect(await owner.ok('blackboard_write', args)).toMatchObject({
      current: { value: { secret: CANARY } },
    });
    expect(await writer.ok('blackboard_write', args)).toEqual({
      status: 'conflict',
      key: 'plain',
      rev: 1,
      withheld: { fields: ['current'], scope: 'blackboard:read' },
    });
  }
});

test('every writing tool is tried, and every field that it may withhold', () => {
  expect(new Set(ATTEMPTS.map(({ tool }) => tool))).toEqual(new Set(WRITING.map(({ name }) => name)));
  // What is said of a value that was cut or left out goes with the value.
  const withheld = new Set([
    ...['truncated', 'bytes', 'items[].truncated', 'items[].bytes', 'items[].left_out', 'hint'].map(
      (field) => `blackboard_claim ${field}`,
    ),
    'blackboard_write hint',
  ]);
  for (const { tool, shows = [] } of ATTEMPTS) for (const field of shows) withheld.add(`${tool} ${field}`);
  const declared = WRITING.flatMap(({ name, storedFields = [] }) =>
    storedFields.map((field) => `${name} ${field}`),
  );
  expect(new Set(declared)).toEqual(withheld);
  for (const { storedFields, output } of WRITING)
    expect(Object.hasOwn(output.shape, 'withheld')).toBe(storedFields !== undefined);
});
