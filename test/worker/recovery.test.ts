import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { catalogue } from '../../src/catalogue.ts';
import { faultyCalls } from '../support/faulty-calls.ts';
import { HttpTenant, jsonOf } from '../support/http.ts';
import { type Attempt, nextAttempt, type Refusal } from '../support/recovery.ts';

/** How many refusals a caller puts up with before it gives a call up. */
const MAX_ROUNDS = 4;
/** Of the faulty calls, so many in a hundred must become valid. */
const LEAST_RECOVERED = 92;

/** Refusals reach the caller as a result of the tool or, for an unknown tool, as an error of JSON-RPC. */
async function refusalOf(tenant: HttpTenant, { tool, args }: Attempt): Promise<Refusal | undefined> {
  const { result, error } = await jsonOf(await tenant.rpc('tools/call', { name: tool, arguments: args }));
  if (error !== undefined) return error.data;
  return result.isError === true ? result.structuredContent.error : undefined;
}

/** A tenant with something stored, and what a caller would say in each argument. */
async function rig() {
  const tenant = await HttpTenant.create();
  const answer = async (tool: string, args: object) => (await tenant.call(tool, args)).structuredContent;
  const entries = [
    { key: 'doc', value: { a: 1 } },
    { key: 'num', value: 5 },
    { key: 'txt', value: 'text' },
    { key: 'job', value: 1 },
  ];
  await answer('blackboard_write', { entries });
  const { claim_id: claim } = await answer('blackboard_claim', { key: 'job', by: 'worker' });
  const failure = { error_type: 'TimeoutError', error_message: 'timed out', resolution: 'wait longer' };
  const { scar_id: scar } = await answer('scar_record', failure);
  const { error_type, error_message } = failure;
  const { fixes } = await answer('scar_lookup', { error_type, error_message });
  const fix: string = fixes[0].fix_id;
  const known: Record<string, unknown> = {
    key: 'doc',
    keys: ['doc'],
    value: { b: 2 },
    since_rev: 0,
    by: 'worker',
    claim_id: claim,
    action: 'ls',
    error_type: 'TimeoutError',
    scar_id: scar,
    outcome: 'worked',
    fix_id: fix,
    model: 'm',
    messages: [{ role: 'user', content: 'hello' }],
    response: 'text',
  };
  return { tenant, handles: { claim, scar, fix }, knows: (name: string) => known[name] };
}

beforeEach(() => void vi.spyOn(console, 'log').mockImplementation(() => {}));
afterEach(() => void vi.restoreAllMocks());

test('a program that reads fields only recovers from nearly every faulty call', async ({ annotate }) => {
  const { handles } = await rig();
  const all = Object.entries(faultyCalls(handles)).flatMap(([tool, calls]) =>
    calls.map((_, index) => ({ tool, index })),
  );
  expect(all.length).toBeGreaterThanOrEqual(120);
  const lost: string[] = [];
  // A tenant for each tool, so that no bucket is emptied.
  for (const tool of Object.keys(faultyCalls(handles))) {
    const { tenant, handles: own, knows } = await rig();
    for (const args of faultyCalls(own)[tool] ?? []) {
      let attempt: Attempt | undefined = { tool, args };
      let refusal = await refusalOf(tenant, attempt);
      expect(refusal, `${tool} ${JSON.stringify(args).slice(0, 80)} is no faulty call`).toBeDefined();
      for (let round = 0; round < MAX_ROUNDS && refusal !== undefined && attempt !== undefined; round++) {
        attempt = nextAttempt(attempt, refusal, knows);
        if (attempt !== undefined) refusal = await refusalOf(tenant, attempt);
      }
      if (refusal !== undefined)
        lost.push(`${tool} ${JSON.stringify(args).slice(0, 80)} ${JSON.stringify(refusal).slice(0, 200)}`);
    }
  }
  const recovered = all.length - lost.length;
  await annotate(`recovered from ${recovered} of ${all.length} faulty calls`, 'recovery');
  expect(recovered * 100, lost.join('\n')).toBeGreaterThanOrEqual(all.length * LEAST_RECOVERED);
  expect(catalogue.tools.every(({ name }) => all.some(({ tool }) => tool === name))).toBe(true);
});
