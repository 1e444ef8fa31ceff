import { afterEach, describe, expect, test, vi } from 'vitest';
import { catalogue } from '../../src/catalogue.ts';
import { problemSchema } from '../../src/edge/api/problem-schema.ts';
import { COALESCE_MS } from '../../src/telemetry/coalesce.ts';
import { blackboardWrite } from '../../src/tools/blackboard/write.ts';
import { asksNothing } from '../../src/tools/remote-tool.ts';

import { HttpTenant, jsonOf, listTools, operate, send } from '../support/http.ts';
import { storedBy } from '../support/storage.ts';
import type { Answer } from '../support/tenant.ts';
import { bearer, call, problemOf } from '../support/v1.ts';

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const write = { key: 'plan', value: { step: 1 } };

describe('a call', () => {
  test('answers what the tool answers, as JSON', async () => {
    const tenant = await HttpTenant.create();
    const response = await call(tenant.token, 'blackboard_write', write);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(blackboardWrite.output.parse(await jsonOf(response))).toMatchObject({
      status: 'created',
      key: 'plan',
    });
    const read = await jsonOf(await call(tenant.token, 'blackboard_read', { key: 'plan' }));
    expect(read.entries).toMatchObject([{ found: true, value: { step: 1 } }]);
  });

  test('shares its tenant with MCP', async () => {
    const tenant = await HttpTenant.create();
    await call(tenant.token, 'blackboard_write', write);
    const { structuredContent } = await tenant.call('blackboard_read', { key: 'plan' });
    expect(structuredContent.entries).toMatchObject([{ found: true, value: { step: 1 } }]);
  });

  test('answers whole what a model gets within 64 KiB by MCP', async () => {
    const tenant = await HttpTenant.create();
    const keys = Array.from({ length: 12 }, (_, n) => `k${n}`);
    const entries = keys.map((key) => ({ key, value: 'x'.repeat(8_000) }));
    await call(tenant.token, 'blackboard_write', { entries });
    const { structuredContent } = await tenant.call('blackboard_read', { keys });
    expect(JSON.stringify(structuredContent).length).toBeLessThanOrEqual(64 * 1024);
    expect(structuredContent.entries.at(-1)).toMatchObject({ key: 'k11', left_out: true, bytes: 8_002 });
    const whole = await jsonOf(await call(tenant.token, 'blackboard_read', { keys }));
    expect(whole.entries.map(({ value }: Answer) => value.length)).toEqual(keys.map(() => 8_000));
    expect(whole).not.toHaveProperty('hint');
  });

  test('of a status that is no error is 200', async () => {
    const tenant = await HttpTenant.create();
    await call(tenant.token, 'blackboard_write', write);
    const response = await call(tenant.token, 'blackboard_write', { ...write, if_rev: 0 });
    expect(response.status).toBe(200);
    expect(await jsonOf(response)).toMatchObject({ status: 'conflict' });
  });
});

describe('a call that waits', () => {
  const watch = { since_rev: 1, wait_s: 25 };

  test('begins its response, and ends it with the answer', async () => {
    const tenant = await HttpTenant.create();
    await call(tenant.token, 'blackboard_write', write);
    const response = await call(tenant.token, 'blackboard_watch', watch);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json']);
    await call(tenant.token, 'blackboard_write', { key: 'news', value: 1 });
    const text = await response.text();
    expect(text).toMatch(/^\n+\{/);
    expect(JSON.parse(text)).toMatchObject({ events: [{ key: 'news' }] });
  });

  test('is told of a late refusal in its body', async () => {
    const tenant = await HttpTenant.create();
    const other = await HttpTenant.issue(tenant.id);
    await call(tenant.token, 'blackboard_write', write);
    const response = await call(other.token, 'blackboard_watch', watch);
    await operate('DELETE', `/tenants/${tenant.id}/tokens/${other.tokenId}`);
    expect(response.status).toBe(200);
    const problem = await jsonOf(response);
    problemSchema.parse(problem);
    expect(problem).toMatchObject({ status: 401, code: 'invalid_token' });
  });

  test('has its own status when it ends quickly', async () => {
    const tenant = await HttpTenant.create();
    const response = await call(tenant.token, 'blackboard_watch', { ...watch, limit: 0 });
    expect([response.status, (await problemOf(response)).field]).toEqual([400, 'limit']);
    const answered = await call(tenant.token, 'blackboard_watch', { since_rev: 7, wait_s: 25 });
    expect(await answered.text()).toMatch(/^\{/);
  });
});

describe('an error', () => {
  test('has the code and the fields that it has by MCP', async () => {
    const tenant = await HttpTenant.create();
    const args = { ...write, ttl: 5 };
    const traceparent = `00-${'e'.repeat(32)}-${'d'.repeat(16)}-01`;
    const response = await call(tenant.token, 'blackboard_write', args, { traceparent });
    const { structuredContent } = await tenant.call('blackboard_write', args);
    const { message, trace_id: _, ...error } = structuredContent.error;
    expect(response.status).toBe(400);
    expect(await problemOf(response)).toEqual({
      type: 'about:blank',
      title: 'Bad Request',
      status: 400,
      detail: message,
      trace_id: 'e'.repeat(32),
      ...error,
    });
    expect(error).toMatchObject({ code: 'invalid_input', field: 'ttl', retryable: false });
  });

  test.each([
    ['a text', '"x"'],
    ['a list', '[]'],
    ['a number', '5'],
  ])('arguments that are %s are invalid_input', async (_name, body) => {
    const tenant = await HttpTenant.create();
    const response = await call(tenant.token, 'blackboard_read', body);
    expect(response.status).toBe(400);
    expect(await problemOf(response)).toMatchObject({ code: 'invalid_input', field: 'arguments' });
  });

  test('a value that is too large is 413 with its limit', async () => {
    const tenant = await HttpTenant.create();
    const response = await call(tenant.token, 'blackboard_write', { key: 'a', value: 'x'.repeat(1_048_576) });
    expect(response.status).toBe(413);
    expect(await problemOf(response)).toMatchObject({ code: 'too_large', limit: expect.any(Number) });
  });

  test('the rate limit is 429 with the time to wait, in seconds rounded up and exactly', async () => {
    vi.useFakeTimers({ now: Date.now(), toFake: ['Date'] });
    const tenant = await HttpTenant.create();
    await operate('PATCH', `/tenants/${tenant.id}/limits`, { tool: 'blackboard_list', rate: 0.4, burst: 1 });
    expect((await call(tenant.token, 'blackboard_list')).status).toBe(200);
    const response = await call(tenant.token, 'blackboard_list');
    expect(response.status).toBe(429);
    const { code, retryable, retry_after_ms } = await problemOf(response);
    expect([code, retryable]).toEqual(['rate_limited', true]);
    expect(retry_after_ms).toBeGreaterThan(2000);
    expect(retry_after_ms).toBeLessThanOrEqual(2500);
    expect(response.headers.get('retry-after')).toBe('3');
    expect(response.headers.get('content-type')).toBe('application/problem+json');
  });

  test.each([
    'nothing',
    'resources_list',
    'resources_read',
    '__proto__',
    'constructor',
    'blackboard_write%20',
    '%00',
    '%',
  ])('the tool %s is unknown: 404', async (name) => {
    const tenant = await HttpTenant.create();
    const response = await call(tenant.token, name);
    expect(response.status).toBe(404);
    expect(await problemOf(response)).toMatchObject({ code: 'unknown_tool' });
  });

  test('unknown names are charged for', async () => {
    const tenant = await HttpTenant.create();
    await operate('PATCH', `/tenants/${tenant.id}/limits`, { tool: '*', rate: 0.001, burst: 10 });
    const statuses = new Set<number>();
    for (let i = 0; i < 12; i++) statuses.add((await call(tenant.token, `guess_${i}`)).status);
    expect([...statuses]).toEqual([404, 429]);
  });
});

describe('GET /v1/tools', () => {
  const names = async (token: string) => {
    const response = await send('/v1/tools', { headers: { authorization: bearer(token) } });
    expect(response.status).toBe(200);
    return (await jsonOf(response)).tools;
  };

  test('is what tools/list says but for tools that ask their caller, for each token its own', async () => {
    const asking = catalogue.tools.filter((tool) => !asksNothing(tool)).map(({ name }) => name);
    const tenant = await HttpTenant.create();
    const few = await HttpTenant.issue(tenant.id, { scopes: ['scar:read'] });
    for (const { token } of [tenant, few]) {
      const { result } = await jsonOf(
        await new HttpTenant(tenant.id, { token_id: '', token }).post(listTools),
      );
      const local = result.tools.filter(({ name }: { name: string }) => !asking.includes(name));
      expect(await names(token)).toEqual(local);
    }
    expect((await names(few.token)).length).toBeLessThan((await names(tenant.token)).length);
  });

  test('is charged nothing and changes nothing', async () => {
    const tenant = await HttpTenant.create();
    const before = await storedBy(tenant.id);
    await names(tenant.token);
    expect(await storedBy(tenant.id)).toEqual(before);
  });
});

describe('logs', () => {
  const linesOf = async (act: () => Promise<unknown>): Promise<Answer[]> => {
    // Refusals that repeat those of an earlier test would only be counted.
    vi.useFakeTimers({ now: Date.now() + COALESCE_MS, toFake: ['Date'] });
    const printed = vi.spyOn(console, 'log').mockImplementation(() => {});
    printed.mockClear();
    await act();
    return printed.mock.calls.map(([line]) => JSON.parse(String(line)));
  };

  test('have one line a call, tied to the trace of the header, without a value', async () => {
    const tenant = await HttpTenant.create();
    const traceparent = `00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`;
    const args = { key: 'a', value: 'MARKER' };
    const lines = await linesOf(() => call(tenant.token, 'blackboard_write', args, { traceparent }));
    expect(lines).toMatchObject([
      {
        event: 'tool.call',
        level: 'info',
        tenant: tenant.id,
        tool: 'blackboard_write',
        args: { key: 'a' },
        outcome: 'answer',
        trace_id: 'c'.repeat(32),
        parent_span_id: 'd'.repeat(16),
        token_id: tenant.tokenId,
        request_id: expect.stringMatching(/^[0-9a-f]{16}$/),
        duration_ms: expect.any(Number),
      },
    ]);
    expect(JSON.stringify(lines)).not.toContain('MARKER');
  });

  test('have one line a refused request, and never a token', async () => {
    const tenant = await HttpTenant.create({ scopes: ['cache:read'] });
    const cases: [string, string, () => Promise<unknown>][] = [
      ['request.refused', 'unauthorized', () => call(undefined, 'tenant_limits')],
      ['request.refused', 'parse_error', () => call(tenant.token, 'tenant_limits', '{')],
      [
        'request.refused',
        'method_not_allowed',
        () => send('/v1/tools/tenant_limits', { headers: { authorization: bearer(tenant.token) } }),
      ],
      ['tool.call', 'insufficient_scope', () => call(tenant.token, 'blackboard_write', write)],
      ['tool.call', 'invalid_input', () => call(tenant.token, 'cache_get', { wait: 1 })],
    ];
    for (const [event, code, act] of cases) {
      const lines = await linesOf(act);
      expect(lines).toMatchObject([{ event, code, level: 'warn' }]);
    }
    const inPath = await linesOf(() => call(undefined, tenant.token));
    expect(inPath).toHaveLength(1);
    expect(JSON.stringify(inPath)).not.toContain(tenant.token.slice(-20));
    const unknown = await linesOf(() => call(tenant.token, tenant.token));
    expect(unknown).toMatchObject([{ event: 'tool.call', outcome: 'unknown_tool', tool: 'unknown' }]);
    expect(JSON.stringify(unknown)).not.toContain(tenant.token.slice(-20));
  });
});
