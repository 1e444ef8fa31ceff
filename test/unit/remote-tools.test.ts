import { describe, expect, test, vi } from 'vitest';
import { MAX_REMOTE_CALLS } from '../../src/tenant/calls/remote-call-slots.ts';
import { REMOTE_TOOL_MS } from '../../src/tenant/contract/call.ts';
import { createCatalogue } from '../../src/tools/catalogue.ts';
import { ToolError } from '../../src/tools/errors.ts';
import { createdCompartment } from '../support/compartment.ts';
import {
  type Act,
  errorOf,
  forever,
  linesOf,
  opened,
  probe,
  type Rig,
  said,
} from '../support/remote-tool-rig.ts';

describe('a tool at the edge', () => {
  test('runs with arguments that were checked, and its caller; one line says how it ended', async () => {
    const rig = await opened(async ({ secret, n }, { log, signal, tenant, now }) => {
      await log('info', 'half');
      return said(`${secret} ${n} ${signal.aborted} ${tenant} ${now === rig.test.clock.now}`);
    });
    const answer = await rig.call({ secret: 'MARKER' });
    expect(answer.result.structuredContent).toEqual({ said: 'MARKER 0 false test true' });
    expect(answer.result.content).toEqual([
      { type: 'text', text: JSON.stringify(answer.result.structuredContent) },
    ]);
    expect(rig.received.all).toContainEqual(
      expect.objectContaining({ method: 'notifications/message', params: { level: 'info', data: 'half' } }),
    );
    expect(linesOf(rig)).toEqual([
      expect.objectContaining({
        level: 'info',
        tool: 'edge_probe',
        args: {},
        outcome: 'answer',
        trace_id: 'a'.repeat(32),
        client_name: 'test-client',
      }),
    ]);
    rig.test.compartment.flush();
    const bytes = JSON.stringify(answer.result.structuredContent).length;
    expect(rig.test.db.exec('SELECT tool, outcome, bytes_out FROM records')).toEqual([
      { tool: 'edge_probe', outcome: 'deferred', bytes_out: 0 },
      { tool: 'edge_probe', outcome: 'answer', bytes_out: bytes },
    ]);
    expect(JSON.stringify(rig.test.lines)).not.toContain('MARKER');
  });

  test('is logged once it has ended, with the time that it took', async () => {
    const { promise, resolve } = Promise.withResolvers<{ said: string }>();
    const rig = await opened(() => promise);
    const answer = rig.call({ n: 7 });
    await rig.send({ id: 'ping', method: 'ping' });
    await rig.received.until((all) => all.some(({ id }) => id === 'ping'));
    expect(linesOf(rig)).toEqual([]);
    rig.test.clock.now += 1234;
    resolve(said('done'));
    await answer;
    expect(linesOf(rig)).toMatchObject([{ args: { n: 7 }, duration_ms: 1234 }]);
  });

  test.each([
    ['of a wrong type', { n: 'seven' }, 'n'],
    ['that it does not know', { sceret: 'x' }, 'sceret'],
  ])('is not run with arguments %s', async (_name, args, field) => {
    const run = vi.fn<Act>();
    const rig = await opened(run);
    expect(errorOf(await rig.call(args))).toMatchObject({ code: 'invalid_input', field });
    expect(run).not.toHaveBeenCalled();
    expect(linesOf(rig)).toMatchObject([{ level: 'warn', outcome: 'error', code: 'invalid_input' }]);
  });

  test('is not run for a token without its scope, one that is revoked, or a tenant that is suspended', async () => {
    const run = vi.fn<Act>();
    const narrow = await opened(run, {}, ['blackboard:read']);
    expect(await narrow.call()).toMatchObject({
      result: {
        isError: true,
        content: [
          { type: 'text', text: expect.stringContaining('scopes ID TOKEN_ID --add blackboard:write') },
        ],
        structuredContent: { error: { code: 'forbidden', retryable: false, scope: 'blackboard:write' } },
      },
    });
    const rig = await opened(run);
    rig.test.compartment.administration.setStatus('suspended');
    expect(errorOf(await rig.call())).toMatchObject({ code: 'forbidden' });
    const tokens = rig.test.compartment.administration.tokens();
    for (const { id } of tokens.ok ? tokens.value : []) rig.test.compartment.administration.revokeToken(id);
    expect(errorOf(await rig.call())).toMatchObject({ code: 'forbidden' });
    expect([narrow.refused, rig.refused]).toEqual([['insufficient_scope'], ['suspended', 'invalid_token']]);
    expect(run).not.toHaveBeenCalled();
  });

  test('is charged, also when it fails, and limited', async () => {
    const rig = await opened(() => Promise.reject(new Error('no')), { tool: { rate: 1, burst: 2 } });
    for (const _ of [1, 2]) expect(errorOf(await rig.call())).toMatchObject({ code: 'internal' });
    expect(errorOf(await rig.call())).toMatchObject({
      code: 'rate_limited',
      retryable: true,
      retry_after_ms: 1000,
    });
    expect(linesOf(rig).map(({ code }) => code)).toEqual(['internal', 'internal', 'rate_limited']);
  });
});

const hostile = new Proxy(new Error('hostile'), {
  get: () => {
    throw new Error('a getter threw');
  },
});

describe('whatever it throws', () => {
  const THROWN: readonly (readonly [name: string, thrown: unknown])[] = [
    ['an Error', new Error('connect ECONNREFUSED 10.0.0.1: MARKER')],
    ['a string', 'MARKER'],
    ['undefined', undefined],
    ['null', null],
    ['an object that cannot be read', hostile],
  ];

  test.each(
    THROWN.flatMap(([name, thrown]) => [
      [`${name}, later`, () => Promise.reject(thrown)] as const,
      [
        `${name}, at once`,
        () => {
          throw thrown;
        },
      ] as const,
    ]),
  )('%s is `internal` with an id that finds it in the log, and nothing more', async (_name, act: Act) => {
    const rig = await opened(act);
    const answer = await rig.call({ secret: 'MARKER' });
    expect(answer.result.isError).toBe(true);
    const error = errorOf(answer);
    expect(error).toMatchObject({
      code: 'internal',
      retryable: false,
      error_id: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
    expect(JSON.stringify(answer)).not.toMatch(/MARKER|ECONNREFUSED|hostile|getter/);
    expect(linesOf(rig)).toMatchObject([{ level: 'error', code: 'internal', error_id: error.error_id }]);
    expect(linesOf(rig)[0]?.cause).toBeDefined();
    // What the caller sent is not in the log either, whoever quotes it.
    expect(JSON.stringify(rig.test.lines)).not.toContain('MARKER');
    expect((await rig.call()).result.isError).toBe(true);
  });

  test('a ToolError is its code and its message', async () => {
    const rig = await opened(() => Promise.reject(new ToolError('unavailable', 'The other side is down.')));
    const answer = await rig.call();
    expect(errorOf(answer)).toMatchObject({
      code: 'unavailable',
      message: 'The other side is down.',
      retryable: true,
      trace_id: 'a'.repeat(32),
    });
    expect(answer.result.content).toEqual([{ type: 'text', text: 'The other side is down.' }]);
    expect(linesOf(rig)).toMatchObject([{ level: 'warn', code: 'unavailable' }]);
    expect(linesOf(rig)[0]?.cause).toBeUndefined();
  });
});

describe('a call that takes long', () => {
  test('that has ended is over, also for what its tool has kept', async () => {
    const kept: AbortSignal[] = [];
    const rig = await opened(async (_, { signal }) => {
      kept.push(signal);
      return said('done');
    });
    await rig.call();
    expect(kept.map(({ aborted }) => aborted)).toEqual([true]);
  });

  test('is ended at its deadline, and its tool told so', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { promise: running, resolve: begun } = Promise.withResolvers<AbortSignal>();
    const rig = await opened((_args, { signal }) => {
      begun(signal);
      return new Promise<never>(() => {});
    });
    await rig.send({ id: 7, method: 'tools/call', params: { name: 'edge_probe', arguments: {} } });
    const signal = await running;
    await vi.advanceTimersByTimeAsync(REMOTE_TOOL_MS - 1);
    expect(signal.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(signal.aborted).toBe(true);
    vi.useRealTimers();
    await rig.received.until((all) => all.some(({ id }) => id === 7));
    const answer = rig.received.all.at(-1) ?? {};
    expect(errorOf(answer)).toMatchObject({ code: 'unavailable', retryable: true });
    expect(linesOf(rig)).toMatchObject([{ code: 'unavailable' }]);
  });

  test('is ended when its caller cancels it', async () => {
    const { promise: running, resolve: begun } = Promise.withResolvers<AbortSignal>();
    const rig = await opened((_args, { signal }) => {
      begun(signal);
      return new Promise<never>(() => {});
    });
    await rig.send({ id: 7, method: 'tools/call', params: { name: 'edge_probe', arguments: {} } });
    const signal = await running;
    await rig.send({ method: 'notifications/cancelled', params: { requestId: 7 } });
    await expect.poll(() => linesOf(rig)).toMatchObject([{ outcome: 'error', code: 'unavailable' }]);
    expect(signal.aborted).toBe(true);
    expect(rig.received.all.filter(({ id }) => id === 7)).toEqual([]);
  });
});

describe('as many as may run at once', () => {
  const run = async (rig: Rig, id: number) =>
    rig.send({ id, method: 'tools/call', params: { name: 'edge_probe', arguments: {} } });

  test('run, and one more is told to come again; each that ends makes room', async () => {
    const ends: ((answer: { said: string }) => void)[] = [];
    const rig = await opened(() => new Promise((resolve) => void ends.push(resolve)));
    for (let id = 1000; id < 1000 + MAX_REMOTE_CALLS; id++) await run(rig, id);
    await expect.poll(() => ends).toHaveLength(MAX_REMOTE_CALLS);
    expect(errorOf(await rig.call())).toMatchObject({
      code: 'unavailable',
      retryable: true,
      limit: MAX_REMOTE_CALLS,
    });
    ends[0]?.(said('done'));
    await rig.received.until((all) => all.some(({ id }) => id === 1000));
    const next = rig.call();
    await expect.poll(() => ends).toHaveLength(MAX_REMOTE_CALLS + 1);
    ends.at(-1)?.(said('next'));
    expect((await next).result.structuredContent).toEqual({ said: 'next' });
  });

  test('are as many when a client gives all of them one id', async () => {
    let running = 0;
    const rig = await opened((args, caller) => {
      running++;
      return forever(args, caller);
    });
    for (let n = 0; n <= MAX_REMOTE_CALLS; n++) await run(rig, 1);
    const refused = () => rig.received.all.filter(({ id }) => id === 1);
    await expect.poll(() => running + refused().length).toBe(MAX_REMOTE_CALLS + 1);
    expect(running).toBe(MAX_REMOTE_CALLS);
  });

  test('whose end nobody reported are forgotten in time', async () => {
    const { test: opened } = await openedWithoutServer();
    const begin = (key: string) => opened.outcome(key);
    for (let n = 0; n < MAX_REMOTE_CALLS; n++) expect(begin(`lost-${n}`)).toMatchObject({ kind: 'deferred' });
    opened.clock.now += 2 * REMOTE_TOOL_MS - 1;
    expect(begin('late')).toMatchObject({ kind: 'error', error: { code: 'unavailable' } });
    opened.clock.now += 1;
    expect(begin('late')).toMatchObject({ kind: 'deferred' });
  });
});

/** A compartment whose calls nobody runs, as when the edge is gone. */
async function openedWithoutServer() {
  const opened = createdCompartment({ catalogue: createCatalogue([probe(forever)]) });
  const tokenId = opened.issue();
  const outcome = (cancelKey: string) =>
    opened.compartment.call({
      tokenId,
      session: undefined,
      cancelKey,
      tool: 'edge_probe',
      args: {},
      caller: {
        requestId: cancelKey,
        trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), parentSpanId: undefined },
        receivedAt: opened.clock.now,
        clientName: undefined,
        clientVersion: undefined,
        protocolVersion: undefined,
        transport: 'mcp',
      },
    });
  return { test: { clock: opened.clock, outcome } };
}
