import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { MAX_LINE_BYTES, MAX_PENDING } from '../../src/bridge/bridge.ts';
import { connectionFailure, TransportFailure, toTransportFailure } from '../../src/bridge/failure.ts';
import { BridgeOptionsError, parseBridgeOptions } from '../../src/bridge/options.ts';
import { ClientOutput } from '../../src/bridge/output.ts';
import { keepStreamOpen, MAX_DELAY_MS, MAX_FAILURES, reconnectDelayMs } from '../../src/bridge/reconnect.ts';
import { RemoteServer } from '../../src/bridge/remote.ts';
import { fixedToken } from '../../src/bridge/tokens.ts';
import {
  type Arrived,
  event,
  FakeRemote,
  json,
  LocalClient,
  type Rpc,
  result,
  stream,
  TOKEN,
} from '../support/bridge-rig.ts';

describe('the address and the token', () => {
  const dir = mkdtempSync(join(tmpdir(), 'bulkhead-'));
  afterAll(() => rmSync(dir, { recursive: true }));
  const file = (name: string, text: string) => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };
  const target = (url: string, token: string | undefined = 'a.b.c', tokenFile?: string) =>
    parseBridgeOptions({ url, token, tokenFile, login: false });

  test.each([
    ['https://host.example', 'https://host.example/mcp'],
    ['https://host.example/?tools=scar', 'https://host.example/mcp?tools=scar'],
    ['https://host.example/mcp?tools=scar,cache#x', 'https://host.example/mcp?tools=scar,cache'],
    ['https://host.example/under/mcp', 'https://host.example/under/mcp'],
    ['http://127.0.0.1:8787', 'http://127.0.0.1:8787/mcp'],
    ['http://[::1]:8787/mcp', 'http://[::1]:8787/mcp'],
    ['http://localhost:8787', 'http://localhost:8787/mcp'],
  ])('%s is %s', (url, endpoint) => {
    expect(target(url).url.href).toBe(endpoint);
  });

  test.each([
    ['host.example', /must be the address/],
    ['ftp://host.example', /must be the address/],
    ['', /must be the address/],
    ['http://host.example/mcp', /http:\/\/ is accepted only for localhost.*host\.example unencrypted/],
    ['http://127.0.0.1.host.example', /accepted only for localhost/],
    ['https://user:pass@host.example', /must not contain a user/],
  ])('%s is none', (url, why) => {
    expect(() => target(url)).toThrow(BridgeOptionsError);
    expect(() => target(url)).toThrow(why);
  });

  test('the token comes from a file before it comes from the environment', () => {
    expect(target('https://a.example', 'from.the.environment').token).toBe('from.the.environment');
    expect(target('https://a.example', 'from.the.environment', file('good', ' x.y.z\n')).token).toBe('x.y.z');
  });

  test('who signs in needs no token, and the environment has no say', () => {
    const options = { url: 'https://a.example', tokenFile: undefined, login: true };
    for (const token of [undefined, 'from.the.environment', 'not\na token'])
      expect(parseBridgeOptions({ ...options, token }).token).toBeUndefined();
  });

  test('what is no token is told without showing it', () => {
    const url = 'https://a.example';
    expect(() => parseBridgeOptions({ url, token: undefined, tokenFile: undefined, login: false })).toThrow(
      /There is no token. Set/,
    );
    expect(() => target(url, '')).toThrow(/There is no token. Set/);
    expect(() => target(url, undefined, file('empty', '\n'))).toThrow(/The token file .*empty is empty/);
    expect(() => target(url, undefined, join(dir, 'absent'))).toThrow(/cannot be read \(ENOENT\)/);
    const injected = 'a.b\r\nx-other: 1';
    expect(() => target(url, injected)).toThrow('BULKHEAD_TOKEN does not hold a valid token.');
  });
});

describe('what the client must not send', () => {
  async function sent(...lines: string[]): Promise<{ answers: Rpc[]; reported: readonly string[] }> {
    const client = new LocalClient(new URL('http://127.0.0.1:9/mcp'));
    client.write(lines.map((line) => `${line}\n`).join(''));
    const answers = await client.messages.atLeast(lines.length, () => true);
    await client.end();
    return { answers, reported: client.lines };
  }

  test('is refused by an error that names its request, where it can', async () => {
    const long = JSON.stringify({ jsonrpc: '2.0', id: 3, method: 'm', params: 'x'.repeat(MAX_LINE_BYTES) });
    const rounded = '{"jsonrpc":"2.0","id":9223372036854775807,"method":"ping"}';
    const { answers, reported } = await sent(
      '{',
      '"text"',
      rounded,
      '{"id":1,"method":"ping"}',
      '[{"id":2,"method":"ping"}]',
      long,
    );
    for (const answer of answers.slice(0, 3)) expect(answer).not.toHaveProperty('id');
    expect(answers).toMatchObject([
      { error: { code: -32700 } },
      { error: { code: -32600 } },
      { error: { code: -32600 } },
      { id: 1, error: { code: -32600 } },
      { id: 2, error: { code: -32600, message: expect.stringMatching(/Batches/) } },
      {
        id: 3,
        error: {
          code: -32600,
          message: expect.stringMatching(/must not exceed/),
          data: { code: 'too_large' },
        },
      },
    ]);
    expect(reported).toEqual(['bulkhead: A message must not exceed 8388608 bytes. Send less in one call.']);
  });
});

describe('a message that the server finds too large', () => {
  const refusal = {
    code: -32000,
    message: 'The body must not exceed 4194304 bytes. Send less in one request.',
    data: { code: 'too_large', limit: 4_194_304 },
  };

  test.each([
    ['under its id', (arrived: Arrived) => json(arrived, 413, { jsonrpc: '2.0', id: 1, error: refusal })],
    ['without an id', (arrived: Arrived) => json(arrived, 413, { jsonrpc: '2.0', error: refusal })],
    ['by what stands before the server', (arrived: Arrived) => arrived.response.writeHead(413).end('<html>')],
  ])('is told as that, and not as something to try again: %s', async (_, answer) => {
    const remote = await new FakeRemote().start();
    remote.answer = answer;
    const client = new LocalClient(remote.url);
    const value = 'x'.repeat(5 * 1024 * 1024);
    client.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping', params: { value } })}\n`);
    const { error } = await client.answerTo(1);
    expect(error).toMatchObject({
      message: expect.stringMatching(/Send less in one/),
      data: { code: 'too_large' },
    });
    expect(error?.message.match(/Send less/g)).toHaveLength(1);
    expect(JSON.stringify(error)).not.toMatch(/again|retry/i);
    await client.end();
    expect(remote.arrived.all).toHaveLength(1);
    await remote.stop();
  });
});

describe('with a server', () => {
  test('lines may end with a carriage return, and blank lines are ignored', async () => {
    const remote = await new FakeRemote().start();
    remote.answer = (arrived) => result(arrived, {});
    const client = new LocalClient(remote.url);
    client.write('\r\n\n{"jsonrpc":"2.0","id":1,"method":"ping"}\r\n \n');
    await client.answerTo(1);
    await client.end();
    expect(client.messages.all).toHaveLength(1);
    expect(remote.arrived.all.map(({ body }) => body)).toEqual(['{"jsonrpc":"2.0","id":1,"method":"ping"}']);
  });

  test('too many requests at once, and two of one id, are refused; the others wait', async () => {
    const remote = await new FakeRemote().start();
    remote.answer = () => {};
    const client = new LocalClient(remote.url);
    for (let id = 0; id < MAX_PENDING; id++) client.send({ id, method: 'tools/list' });
    client.send({ id: 'over', method: 'tools/list' });
    expect(await client.answerTo('over')).toMatchObject({
      error: { code: -32600, message: expect.stringMatching(/At most 256 requests/) },
    });
    const { response } = await remote.arrived.first(({ message }) => message.id === 0);
    const closed = new Promise((resolve) => response.once('close', resolve));
    client.send({ method: 'notifications/cancelled', params: { requestId: 0 } });
    await closed;
    client.send({ id: 'room', method: 'tools/list' });
    await remote.arrived.first(({ message }) => message.id === 'room');
    client.send({ id: 1, method: 'tools/list' });
    expect(await client.answerTo(1)).toMatchObject({ error: { message: expect.stringMatching(/this id/) } });
    await client.end();
    await remote.stop();
  });

  test('an answer is read no faster than the client reads', async () => {
    const remote = await new FakeRemote().start();
    remote.answer = (arrived) => {
      stream(arrived);
      event(arrived, { id: arrived.message.id ?? null, result: {} });
      arrived.response.end();
    };
    const [asked, room] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const drained = () => {
      asked.resolve();
      return room.promise;
    };
    const seen: unknown[] = [];
    const message = { jsonrpc: '2.0', id: 1, method: 'tools/list' } as const;
    const { signal } = new AbortController();
    const options = { session: undefined, signal, onMessage: (said: unknown) => seen.push(said) };
    const answered = new RemoteServer(remote.url, fixedToken(TOKEN), drained).post(
      { message, text: JSON.stringify(message) },
      options,
    );
    await asked.promise;
    expect(seen).toEqual([]);
    room.resolve();
    await answered;
    expect(seen).toHaveLength(1);
    await remote.stop();
  });

  test('there is room for more once the client has read, or is gone', async () => {
    for (const makeRoom of [(to: PassThrough) => to.resume(), (to: PassThrough) => to.destroy()]) {
      const to = new PassThrough({ highWaterMark: 1 });
      const output = new ClientOutput(to, () => {});
      await output.whenDrained();
      output.send({ jsonrpc: '2.0', method: 'notifications/message' });
      let drained = false;
      const room = output.whenDrained().then(() => {
        drained = true;
      });
      await new Promise((resolve) => setImmediate(resolve));
      expect(drained).toBe(false);
      makeRoom(to);
      await room;
    }
  });
});

describe('trying again', () => {
  const { signal } = new AbortController();
  const retried: TransportFailure[] = [];
  const onRetry = (failure: TransportFailure) => void retried.push(failure);
  beforeEach(() => void retried.splice(0));
  const passing = connectionFailure('broken', 'broken_off');

  test('comes after longer and longer times, by chance up to twice as long, and ends', () => {
    const random = vi.spyOn(Math, 'random').mockReturnValue(0);
    expect([1, 2, 3, 20].map((failures) => reconnectDelayMs(failures))).toEqual([
      250,
      500,
      1000,
      MAX_DELAY_MS / 2,
    ]);
    random.mockReturnValue(1);
    expect([1, 2, 3, 20].map((failures) => reconnectDelayMs(failures))).toEqual([
      500,
      1000,
      2000,
      MAX_DELAY_MS,
    ]);
    // As the server asks, within bounds.
    expect(reconnectDelayMs(1, 5000)).toBe(5000);
    expect(reconnectDelayMs(1, 3_600_000)).toBe(MAX_DELAY_MS);
    random.mockRestore();
  });

  test('ends after so many failures in a row', async () => {
    let tries = 0;
    const open = async (alive: () => void) => {
      if (++tries === 5) alive();
      return passing;
    };
    expect(await keepStreamOpen(open, { signal, onRetry, wait: async () => {} })).toBe(passing);
    expect(tries).toBe(5 + MAX_FAILURES);
    expect(retried).toHaveLength(4 + MAX_FAILURES);
  });

  test('ends at once with what will not pass, and when it is told to', async () => {
    const lasting = new TransportFailure('refused', { code: 1, message: '' }, { status: 401 });
    expect(await keepStreamOpen(async () => lasting, { signal, onRetry })).toBe(lasting);
    const stop = new AbortController();
    const open = async () => {
      stop.abort();
      return passing;
    };
    expect(await keepStreamOpen(open, { signal: stop.signal, onRetry })).toBeUndefined();
  });
});

test('a certificate that is not trusted', () => {
  const cause = Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  const failure = toTransportFailure(
    new TypeError('fetch failed', { cause }),
    new URL('https://a.example/mcp'),
  );
  expect(failure.message).toMatch(/certificate of a\.example is not trusted.*NODE_EXTRA_CA_CERTS/);
  expect(failure.error.data).toEqual({ code: 'untrusted', cause: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
});
