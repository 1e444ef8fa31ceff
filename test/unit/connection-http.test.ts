import { describe, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { MAX_AT_ONCE, MAX_REQUEST_BYTES, MAX_REQUESTS } from '../../src/connections/http/http-connection.ts';
import { PLATFORM } from '../../src/connections/http/platform.ts';
import { retryAfterOf } from '../../src/connections/http/retry.ts';
import { MAX_RESPONSE_BYTES, MAX_RESPONSE_PARTS, sendOnce } from '../../src/connections/http/send-once.ts';
import { ToolError } from '../../src/tools/errors.ts';
import { openService, SECRET } from '../support/fake-service.ts';

const failureOf = async (work: Promise<unknown>): Promise<ToolError> => {
  const cause: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (cause instanceof ToolError) return cause;
  throw new Error(`it did not fail as expected: ${cause}`);
};
const json = (value: unknown, init?: ResponseInit) => Response.json(value, init);
const busy = (headers: Record<string, string> = {}, status = 503) =>
  new Response('busy', { status, headers });

describe('a request', () => {
  test('goes below the URL with the secret, the trace, and what the tool may set', async () => {
    const { crm, received, connections } = openService(() => json({ id: '7', more: 1 }));
    const contact = z.object({ id: z.string() });
    expect(await crm.json(contact, 'contacts/7', { query: { q: 'a/b&c', none: undefined } })).toEqual({
      id: '7',
    });
    await crm.fetch('contacts', { method: 'POST', json: { a: 1 }, headers: { cookie: 'x', 'x-note': 'n' } });
    expect(received.map(({ url }) => url)).toEqual([
      'https://crm.example.com/api/contacts/7?q=a%2Fb%26c',
      'https://crm.example.com/api/contacts',
    ]);
    const init = received[1]?.init ?? {};
    expect(init).toMatchObject({ method: 'POST', body: '{"a":1}', redirect: 'manual' });
    expect(Object.fromEntries(new Headers(init.headers))).toEqual({
      authorization: SECRET,
      'content-type': 'application/json',
      traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
      'x-note': 'n',
    });
    expect(connections.uses()).toEqual([{ name: 'crm', succeeded: 2, failed: 0 }]);
  });

  test.each(['../admin', '/x', 'https://evil.example.com/', 'a%2fb'])('to %j is not sent', async (path) => {
    const { crm, received } = openService(() => json({}));
    expect(await failureOf(crm.fetch(path))).toMatchObject({ code: 'invalid_input' });
    expect(received).toEqual([]);
  });

  test('that is too large is not sent, and no more than the bound are', async () => {
    const { crm, received } = openService(() => json({}));
    const text = 'é'.repeat(MAX_REQUEST_BYTES / 2 + 1);
    expect(await failureOf(crm.fetch('a', { method: 'POST', text }))).toMatchObject({ code: 'too_large' });
    for (let sent = 0; sent < MAX_REQUESTS; sent++) await crm.fetch('a');
    expect(await failureOf(crm.fetch('a'))).toMatchObject({
      code: 'too_large',
      detail: { limit: MAX_REQUESTS },
    });
    expect(received).toHaveLength(MAX_REQUESTS);
  });

  test('that a tool does not wait for can fail without ending the process', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const { crm } = openService(() => Promise.reject(new Error('gone')));
    void crm.fetch('a');
    void crm.json(z.object({}), '../a');
    await new Promise((resolve) => setTimeout(resolve, 5));
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  test('waits while as many run as may run at once', async () => {
    let running = 0;
    let most = 0;
    const { crm } = openService(async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return json({});
    });
    await Promise.all(Array.from({ length: 20 }, () => crm.fetch('a')));
    expect(most).toBe(MAX_AT_ONCE);
  });
});

describe('an answer', () => {
  test.each([301, 302, 303, 307, 308])('with status %i is not followed', async (status) => {
    const { crm, received } = openService(
      () => new Response(null, { status, headers: { location: 'http://169.254.169.254/' } }),
    );
    const failure = await failureOf(crm.fetch('a'));
    expect(failure).toMatchObject({ code: 'forbidden' });
    expect(failure.message).not.toContain('169.254');
    expect(received).toHaveLength(1);
  });

  test('that repeats the secret is shown without it', async () => {
    const { crm } = openService(() =>
      json({ echo: `${SECRET} CANARY-SECRET` }, { headers: { 'x-echo': SECRET } }),
    );
    const { text, headers } = await crm.fetch('a');
    expect(`${text}${JSON.stringify(headers)}`).not.toContain('CANARY');
    expect(JSON.parse(text)).toEqual({ echo: '[secret] [secret]' });
  });

  test.each([
    ['Basic dXNlcjpDQU5BUlktUEFTUw==', { user: 'user:CANARY-PASS', password: 'CANARY-PASS' }],
    ['Basic dXNlcjpDQU5BUlktUEFTUw==', { header: 'dXNlcjpDQU5BUlktUEFTUw==' }],
    ['Key CANARY"\\/+ SECRET', { key: 'CANARY"\\/+' }],
    ['Key CANARY"\\/+ SECRET', { url: `https://crm.example.com/?key=${encodeURIComponent('CANARY"\\/+')}` }],
  ])('that repeats %j decoded or encoded is shown without it: %j', async (secret, echo) => {
    const platform = { ...PLATFORM, fetch: async () => json(echo) };
    const sent = await sendOnce(platform, 'https://crm.example.com/', {}, secret);
    expect(JSON.stringify(sent)).toContain('[secret]');
    expect(JSON.stringify(sent)).not.toMatch(/CANARY|dXNlcj/);
  });

  test('without an end is read up to the bound, and then cancelled', async () => {
    let sent = 0;
    let isCancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        sent += 65_536;
        controller.enqueue(new Uint8Array(65_536));
      },
      cancel: () => {
        isCancelled = true;
      },
    });
    const { crm } = openService(() => new Response(endless));
    expect(await failureOf(crm.fetch('a'))).toMatchObject({
      code: 'too_large',
      detail: { limit: MAX_RESPONSE_BYTES },
    });
    expect(isCancelled).toBe(true);
    expect(sent).toBeLessThan(2 * MAX_RESPONSE_BYTES);
  });

  test('in very many parts is not read to its end, though it is small', async () => {
    let sent = 0;
    const crumbs = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        sent++;
        controller.enqueue(new Uint8Array([48]));
      },
    });
    const { crm } = openService(() => new Response(crumbs));
    expect(await failureOf(crm.fetch('a'))).toMatchObject({ code: 'too_large' });
    expect(sent).toBeLessThan(2 * MAX_RESPONSE_PARTS);
  });

  test('of another form than the schema says is refused in a sentence that repeats none of it', async () => {
    for (const body of ['not json', '{"id":7}']) {
      const { crm } = openService(() => new Response(body));
      const failure = await failureOf(crm.json(z.object({ id: z.string() }), 'a'));
      expect(failure).toMatchObject({ code: 'unavailable' });
      expect(failure.message).not.toContain('not json');
    }
  });

  test.each([
    [400, 'invalid_input'],
    [401, 'forbidden'],
    [403, 'forbidden'],
    [404, 'unknown_handle'],
    [410, 'unknown_handle'],
    [422, 'invalid_input'],
    [501, 'unavailable'],
  ])('with status %i is %s for json, and a response for fetch', async (status, code) => {
    const { crm } = openService(() => new Response('internal details', { status }));
    expect((await crm.fetch('a')).status).toBe(status);
    const failure = await failureOf(crm.json(z.unknown(), 'a'));
    expect(failure.code).toBe(code);
    expect(failure.message).not.toContain('internal details');
  });
});

describe('a request that fails', () => {
  test('is repeated with full jitter, and answered when it succeeds', async () => {
    const { crm, waits, connections } = openService((_request, attempt) =>
      attempt < 3 ? Promise.reject(new Error('ECONNRESET 10.0.0.1')) : json({}),
    );
    expect((await crm.fetch('a')).status).toBe(200);
    // Half of 400 ms and of 800 ms: random() is 0.5 here.
    expect(waits).toEqual([200, 400]);
    expect(connections.uses()).toEqual([{ name: 'crm', succeeded: 1, failed: 2 }]);
  });

  test.each(['POST', 'PATCH'] as const)('is not repeated when it is a %s', async (method) => {
    const { crm, received } = openService(() => Promise.reject(new Error('reset')));
    expect(await failureOf(crm.fetch('a', { method }))).toMatchObject({
      code: 'unavailable',
      detail: { retry_after_ms: expect.any(Number) },
    });
    expect(received).toHaveLength(1);
  });

  test('waits as long as the service asks for, if that is short', async () => {
    const { crm, waits } = openService((_request, attempt) =>
      attempt === 1 ? busy({ 'retry-after': '2' }) : json({}),
    );
    expect((await crm.fetch('a')).status).toBe(200);
    expect(waits).toEqual([2000]);
  });

  test.each([
    ['seconds', '120', 120_000],
    ['more seconds than anybody waits', '9'.repeat(400), 86_400_000],
    ['a date', new Date(Date.UTC(2026, 0, 1) + 90_000).toUTCString(), 90_000],
  ])(
    'tells the caller to wait when the service asks for long, in %s',
    async (_form, value, retry_after_ms) => {
      const { crm, received } = openService(() => busy({ 'retry-after': value }, 429));
      const failure = await failureOf(crm.fetch('a'));
      expect(failure).toMatchObject({ code: 'unavailable', detail: { retry_after_ms } });
      expect(failure.message).toContain(`Wait ${retry_after_ms} ms`);
      expect(received).toHaveLength(1);
    },
  );

  test.each(['-5', '1.5', '0x10', '', ' '])('takes no time from Retry-After: %j', (value) => {
    expect(retryAfterOf(value, 0)).toBeUndefined();
  });

  test('three times says so without what the platform says of it', async () => {
    const { crm, received } = openService(() => Promise.reject(new Error('ECONNREFUSED 10.0.0.1')));
    const failure = await failureOf(crm.fetch('a'));
    expect(failure.message).toBe(
      'The service behind crm cannot be reached, or takes too long. Wait 5000 ms, then repeat the call.',
    );
    expect(received).toHaveLength(3);
  });

  test('after the deadline is not repeated, and one that is slow counts as failed', async () => {
    const service = openService(() => {
      service.time.now += 29_900;
      throw new Error('slow');
    });
    expect(await failureOf(service.crm.fetch('a'))).toMatchObject({ code: 'unavailable' });
    expect(service.received).toHaveLength(1);
    const slow = openService(() => {
      slow.time.now += 8000;
      return json({});
    });
    await slow.crm.fetch('a');
    expect(slow.connections.uses()).toEqual([{ name: 'crm', succeeded: 0, failed: 1 }]);
  });

  test('because the client has left says nothing about the service', async () => {
    const left = new AbortController();
    const { crm, connections, received } = openService(
      () => {
        left.abort();
        throw new Error('aborted');
      },
      { signal: left.signal },
    );
    await failureOf(crm.fetch('a'));
    expect(received).toHaveLength(1);
    expect(connections.uses()).toEqual([{ name: 'crm', succeeded: 0, failed: 0 }]);
  });
});

test.each(['busy', 'failing'] as const)('a connection that is %s sends nothing', async (reason) => {
  const { crm, received } = openService(() => json({}), {
    gate: { admits: false, reason, retryAfterMs: 4000 },
  });
  expect(await failureOf(crm.fetch('a'))).toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('Wait 4000 ms'),
    detail: { retry_after_ms: 4000 },
  });
  expect(received).toEqual([]);
});
