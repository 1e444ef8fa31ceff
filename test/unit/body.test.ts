import { describe, expect, test } from 'vitest';
import { BODY_TIMEOUT_MS, readJson } from '../../src/edge/http/body.ts';
import { FakeTime } from '../support/fake-time.ts';

const MAX_BYTES = 1000;

/** A request whose body comes in pieces, as the test writes them. */
function dripping(headers: Record<string, string> = {}) {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const state = { cancelled: false };
  const body = new ReadableStream<Uint8Array>({
    start: (own) => {
      controller = own;
    },
    cancel: () => {
      state.cancelled = true;
    },
  });
  const sent = { 'content-type': 'application/json', ...headers };
  const request = new Request('https://mcp.test/', { method: 'POST', headers: sent, body, duplex: 'half' });
  const write = (text: string) => controller?.enqueue(new TextEncoder().encode(text));
  return { request, write, end: () => controller?.close(), state };
}

test.each([
  ['without a length', {}],
  ['with a length', { 'content-length': '100' }],
])('a body that never ends is cut off: %s', async (_name, headers) => {
  const time = new FakeTime();
  const { request, write, state } = dripping(headers);
  const read = readJson(request, MAX_BYTES, time.later);
  for (let passed = 0; passed < BODY_TIMEOUT_MS; passed += 1000) {
    write(' ');
    await time.elapse(1000);
  }
  expect(await read).toEqual({
    ok: false,
    error: {
      status: 408,
      code: 'request_timeout',
      message: 'The body was not received within 30 seconds. Send it again, without pauses.',
    },
  });
  if (!('content-length' in headers)) expect(state.cancelled).toBe(true);
});

test('a body that is slow and ends in time is read, and leaves no timer', async () => {
  const time = new FakeTime();
  const { request, write, end } = dripping();
  const read = readJson(request, MAX_BYTES, time.later);
  write('{"a":');
  await time.elapse(BODY_TIMEOUT_MS - 1);
  write('1}');
  end();
  expect(await read).toEqual({ ok: true, value: { a: 1 } });
  expect(time.runLater(BODY_TIMEOUT_MS)).toBe(0);
});

describe('a body that has more bytes than it may is refused', () => {
  test.each([
    ['without a length', {}],
    ['with a length', { 'content-length': String(MAX_BYTES + 10) }],
  ])('when it has ended, so that its client reads the refusal: %s', async (_name, headers) => {
    const { request, write, end, state } = dripping(headers);
    const read = readJson(request, MAX_BYTES, new FakeTime().later);
    write(`{"id":7,${' '.repeat(MAX_BYTES)}`);
    write('1}');
    end();
    expect(await read).toMatchObject({
      ok: false,
      error: { status: 413 },
    });
    expect(state.cancelled).toBe(false);
  });

  test('after four times what is allowed, however much follows', async () => {
    const { request, write, state } = dripping();
    const read = readJson(request, MAX_BYTES, new FakeTime().later);
    for (let part = 0; part < 5; part++) write(' '.repeat(MAX_BYTES));
    expect(await read).toMatchObject({ ok: false, error: { status: 413 } });
    expect(state.cancelled).toBe(true);
  });

  test('when its time is over', async () => {
    const time = new FakeTime();
    const { request, write } = dripping();
    const read = readJson(request, MAX_BYTES, time.later);
    write(' '.repeat(MAX_BYTES + 1));
    await time.elapse(BODY_TIMEOUT_MS);
    expect(await read).toMatchObject({ ok: false, error: { status: 413 } });
  });

  test('at once, if it says that it is longer than that', async () => {
    const { request } = dripping({ 'content-length': String(4 * MAX_BYTES + 1) });
    const refused = await readJson(request, MAX_BYTES, new FakeTime().later);
    expect(refused).toMatchObject({ ok: false, error: { status: 413 } });
  });
});
