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
  for (const key of ['plain', 'job/1', 'job/2', 'held', `drop/${CANARY}`])
    await keep('blackboard_write', { key, value, tags: [CANARY], by: CANARY });
  await keep('blackboard_claim', { key: 'held', by: CANARY });
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
  { tool: 'blackboard_claim', args: { key: 'held', by: 'w' }, shows: ['held_by'] },
  { tool: 'blackboard_claim', args: { key: 'job/1', by: 'w' }, shows: ['value', 'tags'] },
  { tool: 'blackboard_claim', args: { prefix: 'job/', by: 'w' }, shows: ['value', 'tags'] },
  { tool: 'blackboard_claim', args: { prefix: 'none/', by: 'w' } },
  { tool: 'blackboard_release', args: { claim_id: 'none' } },
  { tool: 'blackboard_delete', args: { prefix: 'drop/', dry_run: true }, shows: ['keys'] },
  { tool: 'blackboard_delete', args: { prefix: 'drop/' }, shows: ['keys'] },
  { tool: 'scar_record', args: { ...failure, run_id: 'r' }, shows: ['known_fix'] },
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
async function textOf(tenant: TestTenant, { tool, args }: Attempt, scar: unknown): Promise<string> {
  const outcome = await tenant.outcome(tool, 'scar_id' in args ? { ...args, scar_id: scar } : args);
  expect(outcome.kind).toMatch(/^(answer|error)$/);
  return outcome.kind === 'answer' ? outcome.json : JSON.stringify(outcome);
}

const scarOf = (stored: readonly Answer[]) => stored.find(({ scar_id }) => scar_id !== undefined)?.scar_id;

describe.each(ATTEMPTS)('$tool $args', (attempt) => {
  const { tool, shows = [] } = attempt;

  test('shows a writer nothing that others have stored, and names what it withholds', async () => {
    const owner = await openTenant();
    const stored = await store(owner);
    const writer = await owner.otherPrincipal(scopeOf(tool));
    const text = await textOf(writer, attempt, scarOf(stored));
    expect(text).not.toContain(CANARY);
    const { withheld } = JSON.parse(text);
    expect(withheld?.fields ?? []).toEqual(shows);
    if (shows.length > 0) expect(withheld.scope).toBe(String(scopeOf(tool)).replace(':write', ':read'));
  });

  test('shows them to a token that may read', async () => {
    const owner = await openTenant();
    const stored = await store(owner);
    const text = await textOf(owner, attempt, scarOf(stored));
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
  // The parts of a value that was cut go with the value.
  const withheld = new Set(['blackboard_claim truncated', 'blackboard_claim bytes']);
  for (const { tool, shows = [] } of ATTEMPTS) for (const field of shows) withheld.add(`${tool} ${field}`);
  const declared = WRITING.flatMap(({ name, storedFields = [] }) =>
    storedFields.map((field) => `${name} ${field}`),
  );
  expect(new Set(declared)).toEqual(withheld);
  for (const { storedFields, output } of WRITING)
    expect(Object.hasOwn(output.shape, 'withheld')).toBe(storedFields !== undefined);
});
