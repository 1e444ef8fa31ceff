import { expect, test } from 'vitest';
import { openTenant } from '#host';
import { ISOLATION_SCRIPT } from '../support/isolation-script.ts';
import { answering } from '../support/services.ts';
import type { Answer, TestTenant } from '../support/tenant.ts';

const STEP_MS = 1000;
const LIMITS = { rate: 20, burst: 60 };

/** Ids that are drawn at random are numbered by their first appearance, so that transcripts can be compared. */
function withoutRandomness(transcript: readonly string[], mark: string): string[] {
  const seen = new Map<string, string>();
  return transcript.map((json) =>
    json.replaceAll(mark, '<mark>').replaceAll(/\b(?:ap_)?[0-9a-f]{16,64}\b/g, (id) => {
      const known = seen.get(id) ?? `<id ${seen.size + 1}>`;
      seen.set(id, known);
      return known;
    }),
  );
}

async function step(
  tenant: TestTenant,
  index: number,
  mark: string,
  transcript: string[],
  answers: Answer[],
): Promise<void> {
  const entry = ISOLATION_SCRIPT[index];
  if (entry === undefined) throw new Error(`there is no step ${index}`);
  const { tool, args } = entry;
  for (const [name, service] of Object.entries(entry.services?.(mark) ?? {}))
    await tenant.connect(name, service);
  for (const [name, open] of Object.entries(entry.databases?.(mark, answering) ?? {}))
    await tenant.connectDatabase(name, open);
  const { needsApproval } = entry;
  if (needsApproval !== undefined) await tenant.requireApproval(tool, needsApproval);
  const ask = needsApproval === true ? tenant.error : tenant.ok;
  const answer = await ask.call(tenant, tool, args(mark, answers));
  answers.push(answer);
  // What is stored of the tenant's own calls is taken off the size of its file, and their texts differ in length.
  transcript.push(JSON.stringify(answer).replace(/"storage":\{"bytes":\d+/, '"storage":{"bytes":0'));
}

async function alone(mark: string): Promise<string[]> {
  const tenant = await openTenant(LIMITS);
  const transcript: string[] = [];
  const answers: Answer[] = [];
  for (const index of ISOLATION_SCRIPT.keys()) {
    tenant.advance(STEP_MS);
    await step(tenant, index, mark, transcript, answers);
  }
  return transcript;
}

/** Uses up all that a tenant may call, and fills it with things that the other also has. */
async function exhaust(tenant: TestTenant): Promise<number> {
  let refused = 0;
  for (let call = 0; call < 2 * LIMITS.burst; call++) {
    const outcome = await tenant.outcome('blackboard_write', {
      run_id: 'shared-run',
      key: `noise/${call}`,
      value: 'owner plan',
    });
    if (outcome.kind === 'error' && outcome.error.code === 'rate_limited') refused++;
  }
  return refused;
}

test('a tenant gets, to the letter, the answers that it would get alone', async () => {
  const expected = await alone('bravo-mark');
  const a = await openTenant(LIMITS);
  const b = await openTenant(LIMITS);
  const ofA: { transcript: string[]; answers: Answer[] } = { transcript: [], answers: [] };
  const ofB: { transcript: string[]; answers: Answer[] } = { transcript: [], answers: [] };
  for (const index of ISOLATION_SCRIPT.keys()) {
    a.advance(STEP_MS);
    if (b.now !== a.now) b.advance(STEP_MS);
    await step(a, index, 'alpha-mark', ofA.transcript, ofA.answers);
    await step(b, index, 'bravo-mark', ofB.transcript, ofB.answers);
  }
  expect(withoutRandomness(ofB.transcript, 'bravo-mark')).toEqual(withoutRandomness(expected, 'bravo-mark'));
  expect(withoutRandomness(ofA.transcript, 'alpha-mark')).toEqual(withoutRandomness(expected, 'bravo-mark'));
  expect(ofB.transcript.join()).not.toContain('alpha-mark');
  expect(ofA.transcript.join()).not.toContain('bravo-mark');
});

test('a tenant that is flooded into its limits takes nothing from another', async () => {
  const expected = await alone('bravo-mark');
  const a = await openTenant(LIMITS);
  const b = await openTenant(LIMITS);
  const transcript: string[] = [];
  const answers: Answer[] = [];
  for (const index of ISOLATION_SCRIPT.keys()) {
    b.advance(STEP_MS);
    if (a.now !== b.now) a.advance(STEP_MS);
    expect(await exhaust(a)).toBeGreaterThan(0);
    await step(b, index, 'bravo-mark', transcript, answers);
  }
  expect(withoutRandomness(transcript, 'bravo-mark')).toEqual(withoutRandomness(expected, 'bravo-mark'));
});

test("a token of one tenant is nobody's in another", async () => {
  const a = await openTenant();
  const b = await openTenant();
  const stranger = b.as(a.principal);
  for (const { tool, args } of ISOLATION_SCRIPT) {
    expect(await stranger.outcome(tool, args('x', []))).toEqual({
      kind: 'refused',
      refusal: { reason: 'invalid_token' },
    });
  }
});
