import { describe, expect, test, vi } from 'vitest';
import { PROMPT_REFUSALS, REFUSAL_DELAY_MS } from '../../src/edge/http/refusal-delay.ts';
import { ConsoleBrowser } from '../support/console-browser.ts';
import { counted } from '../support/counted-worker.ts';
import { HttpTenant, jsonOf, operate } from '../support/http.ts';

/** Requests that no bucket of a tenant pays for are limited all the same, at the edge. */

const rpc = (method: string, params: object = {}) => ({ jsonrpc: '2.0', id: 1, method, params });
const read = rpc('tools/call', { name: 'blackboard_read', arguments: { key: 'a' } });
/** REQUEST_BURST in wrangler.toml. */
const BURST = 120;

/** A clock that stands still refills nothing. */
const stopClock = () => void vi.useFakeTimers({ now: Date.now(), toFake: ['Date'] });

/** Sends the request often, and says how often its tenant was asked. */
async function flood(
  tenant: HttpTenant,
  body: object,
  times: number,
  headers: Record<string, string> = {},
): Promise<number> {
  let asked = 0;
  for (let n = 0; n < times; n++) {
    const answer = await counted(tenant, { body, headers });
    await answer.response.text();
    asked += answer.asked.length;
  }
  return asked;
}

test.each(['tools/list', 'ping', 'no/such/method'])('%s', async (method) => {
  stopClock();
  const tenant = await HttpTenant.create();
  expect(await flood(tenant, rpc(method), BURST + 30)).toBe(BURST);
  const { response } = await counted(tenant, { body: rpc(method) });
  expect(response.status).toBe(429);
  expect(response.headers.get('retry-after')).toBe('1');
  expect((await jsonOf(response)).error.data.code).toBe('too_many_requests');
  vi.setSystemTime(Date.now() + 1000);
  expect(await flood(tenant, rpc(method), 40)).toBe(30);
});

describe('a call that is refused', () => {
  test('is answered here after a while, in a form that reaches the model', async () => {
    stopClock();
    const tenant = await HttpTenant.create();
    await operate('PATCH', `/tenants/${tenant.id}/limits`, { tool: '*', rate: 0.001, burst: 10 });
    const timers = vi.spyOn(globalThis, 'setTimeout');
    const delays = () => timers.mock.calls.filter(([, ms]) => ms === REFUSAL_DELAY_MS).length;
    expect(await flood(tenant, read, 10 + BURST + PROMPT_REFUSALS)).toBe(10 + BURST);
    expect(delays()).toBe(0);
    const { asked, response } = await counted(tenant, { body: read });
    expect(delays()).toBe(1);
    const { result } = await jsonOf(response);
    expect([response.status, asked, result.isError]).toEqual([200, [], true]);
    expect(result.structuredContent.error).toMatchObject({
      code: 'rate_limited',
      retryable: true,
      // What its tenant said last, for a second at the most.
      retry_after_ms: 1000,
    });
    const other = await HttpTenant.issue(tenant.id);
    expect((await counted(other, { body: read })).asked).toEqual(['call']);
    expect(delays()).toBe(1);
  });

  test('for its scope', async () => {
    stopClock();
    const tenant = await HttpTenant.create({ scopes: ['cache:read'] });
    expect(await flood(tenant, read, BURST + 10)).toBe(BURST);
  });
});

test('calls that the tenant charges never meet this limit', async () => {
  stopClock();
  const tenant = await HttpTenant.create();
  expect(await flood(tenant, read, BURST + 30)).toBe(BURST + 30);
  const invalid = rpc('tools/call', { name: 'blackboard_read', arguments: { kye: 'a' } });
  expect(await flood(tenant, invalid, BURST + 30)).toBe(BURST + 30);
});

test.each([
  ['its parameters are wrong', rpc('resources/read', { uri: 'other://a' })],
  ['nothing can be completed', rpc('completion/complete', { ref: { type: 'ref/prompt', name: 'a' } })],
])('a call that is admitted for a stream, and is not made because %s', async (_why, body) => {
  stopClock();
  const tenant = await HttpTenant.create();
  const headers = { accept: 'text/event-stream, application/json;q=0.1' };
  expect(await flood(tenant, body, BURST + 10, headers)).toBe(BURST);
});

test('a call that is made in a stream is charged by the tenant alone', async () => {
  stopClock();
  const tenant = await HttpTenant.create();
  const headers = { accept: 'text/event-stream, application/json;q=0.1' };
  expect(await flood(tenant, read, BURST + 10, headers)).toBe(2 * (BURST + 10));
});

test('a page of the console that shows nothing of its tenant', async () => {
  stopClock();
  const tenant = await HttpTenant.create();
  const browser = new ConsoleBrowser();
  await browser.signIn(tenant.token);
  const statuses: number[] = [];
  for (let n = 0; n < BURST + 10; n++) statuses.push((await browser.get(`/console/${tenant.id}`)).status);
  // Signing in was one request.
  expect(statuses.filter((status) => status === 303)).toHaveLength(BURST - 1);
});

test('a revoked token asks its tenant once', async () => {
  const tenant = await HttpTenant.create();
  await operate('DELETE', `/tenants/${tenant.id}/tokens/${tenant.tokenId}`);
  expect(await flood(tenant, read, 20)).toBe(1);
  const { response } = await counted(tenant, { body: rpc('tools/list') });
  expect(response.status).toBe(401);
  expect(response.headers.get('www-authenticate')).toContain('invalid_token');
});

test('a suspended tenant is asked each time, so that it serves at once when it is resumed', async () => {
  const tenant = await HttpTenant.create();
  await operate('POST', `/tenants/${tenant.id}/suspend`);
  expect(await flood(tenant, read, 5)).toBe(5);
  await operate('POST', `/tenants/${tenant.id}/resume`);
  expect((await counted(tenant, { body: read })).response.status).toBe(200);
});

describe('a JSON-RPC batch', () => {
  const batch = (calls: readonly object[]) => ({
    body: calls.map((params, id) => ({ jsonrpc: '2.0', id, method: 'tools/call', params })),
    headers: { 'mcp-protocol-version': '2025-03-26' },
  });

  test('is answered with so much and no more, and the rest is not run', async () => {
    const tenant = await HttpTenant.create();
    const value = 'x'.repeat(1_000_000);
    for (const key of ['a', 'b', 'c']) {
      const write = rpc('tools/call', { name: 'blackboard_write', arguments: { key, value } });
      await (await tenant.post(write)).text();
    }
    const name = 'blackboard_read';
    const read = { name, arguments: { keys: ['a', 'b', 'c'], max_bytes: 1_048_576 } };
    const { asked, response } = await counted(tenant, batch(Array(20).fill(read)));
    const text = await response.text();
    expect(text.length).toBeLessThan(8.5 * 1024 * 1024);
    expect(asked).toEqual(['admit', ...Array(5).fill('call')]);
    const answers = JSON.parse(text) as {
      id: number;
      result: { structuredContent: { error?: { code: string } } };
    }[];
    expect(answers.map(({ result }) => result.structuredContent.error?.code)).toEqual([
      ...Array(4).fill(undefined),
      ...Array(16).fill('too_large'),
    ]);
  });

  test('is counted in bytes, whatever its text and its messages are', async () => {
    const tenant = await HttpTenant.create();
    for (const key of ['chinese', 'quotes']) {
      const value = key === 'chinese' ? '数'.repeat(340_000) : '"'.repeat(500_000);
      await (
        await tenant.post(rpc('tools/call', { name: 'blackboard_write', arguments: { key, value } }))
      ).text();
    }
    const read = (key: string) => ({ name: 'blackboard_read', arguments: { key, max_bytes: 1_048_576 } });
    const messages = ['chinese', 'quotes'].flatMap((key) => [
      { method: 'tools/call', params: read(key) },
      // The protocol server answers it, because of the member that it does not know.
      { method: 'tools/call', params: { ...read(key), _meta: { 'example.com/x': 1 } } },
      { method: 'resources/read', params: { uri: `blackboard://default/${key}` } },
      { method: 'ping' },
    ]);
    const body = [...messages, ...messages].map((message, id) => ({ jsonrpc: '2.0', id, ...message }));
    const { response } = await counted(tenant, { body, headers: batch([]).headers });
    const bytes = new Uint8Array(await response.arrayBuffer());
    expect(bytes.length).toBeLessThan(8.1 * 1024 * 1024);
    const answers = JSON.parse(new TextDecoder().decode(bytes)) as { id: number }[];
    expect(answers.map(({ id }) => id)).toEqual(body.map(({ id }) => id));
  });

  test('of cached answers too', async () => {
    const tenant = await HttpTenant.create();
    const cached = { model: 'm', prompt: 'p' };
    const set = { name: 'cache_set', arguments: { ...cached, response: 'x'.repeat(3_000_000) } };
    expect((await jsonOf(await tenant.post(rpc('tools/call', set)))).result.isError).toBeFalsy();
    const get = { name: 'cache_get', arguments: cached };
    const { response } = await counted(tenant, batch([get, get, get]));
    const text = await response.text();
    expect(text.length).toBeLessThan(8.5 * 1024 * 1024);
    const answers = JSON.parse(text) as { result: { structuredContent: { error?: { code: string } } } }[];
    expect(answers.map(({ result }) => result.structuredContent.error?.code)).toEqual([
      undefined,
      'too_large',
      'too_large',
    ]);
  });

  test('of small calls is answered whole, in order', async () => {
    const tenant = await HttpTenant.create();
    const increment = { name: 'blackboard_write', arguments: { key: 'n', mode: 'increment', value: 1 } };
    const { asked, response } = await counted(tenant, batch(Array(20).fill(increment)));
    const answers = JSON.parse(await response.text()) as { result: { structuredContent: { rev: number } } }[];
    const revs = answers.map(({ result }) => result.structuredContent.rev);
    expect(asked).toHaveLength(21);
    expect(revs).toEqual(revs.map((_, index) => index + 1));
  });
});

describe('a client in a loop is answered later', () => {
  const delays = () => vi.mocked(setTimeout).mock.calls.filter(([, ms]) => ms === REFUSAL_DELAY_MS).length;

  test.each([
    ['with a body that is no message', {}],
    ['that the endpoint does not take', { method: 'PUT' }],
  ])('%s', async (_what, request) => {
    stopClock();
    vi.spyOn(globalThis, 'setTimeout');
    const tenant = await HttpTenant.create();
    for (let n = 0; n < PROMPT_REFUSALS; n++) await (await counted(tenant, request)).response.text();
    expect(delays()).toBe(0);
    const { response } = await counted(tenant, request);
    expect([response.status >= 400, delays()]).toEqual([true, 1]);
  });
});
