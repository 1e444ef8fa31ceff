import { expect, test, vi } from 'vitest';
import { EventStream } from '../../src/edge/http/event-stream.ts';

const MEBIBYTE = 'x'.repeat(1024 * 1024);
const SENT = 64;

function open(signal = new AbortController().signal) {
  const onEnd = vi.fn();
  return { stream: new EventStream(signal, onEnd), onEnd };
}

test('a client that does not read is cut off', () => {
  const { stream, onEnd } = open();
  for (let sent = 0; sent < SENT; sent++) stream.send({ data: MEBIBYTE });
  expect(onEnd).toHaveBeenCalledTimes(1);
});

test('a client that reads gets as much as there is', async () => {
  const { stream, onEnd } = open();
  const reader = stream.response.body?.getReader();
  let read = 0;
  for (let sent = 0; sent < SENT; sent++) {
    stream.send({ data: MEBIBYTE });
    read += (await reader?.read())?.value?.byteLength ?? 0;
  }
  expect(onEnd).not.toHaveBeenCalled();
  expect(read).toBeGreaterThan(SENT * MEBIBYTE.length);
  stream.end();
  expect(onEnd).toHaveBeenCalledTimes(1);
});

test.each([
  ['leaves', (leave: AbortController) => leave.abort()],
  ['stops reading', (_: AbortController, stream: EventStream) => stream.response.body?.cancel()],
])('the stream ends once when its client %s', async (_what, end) => {
  const leave = new AbortController();
  const { stream, onEnd } = open(leave.signal);
  await end(leave, stream);
  stream.send({ data: 'nobody hears it' });
  stream.end();
  expect(onEnd).toHaveBeenCalledTimes(1);
});

test('a client that has left before ends it at once', () => {
  expect(open(AbortSignal.abort()).onEnd).toHaveBeenCalledTimes(1);
});

test('events that are sent together are one text, each with its id', async () => {
  const { stream } = open();
  stream.send({ id: '7.1', data: '{"a":1}' }, { event: 'endpoint', data: '/messages' });
  stream.end();
  expect(await stream.response.text()).toBe(
    'event: message\nid: 7.1\ndata: {"a":1}\n\nevent: endpoint\ndata: /messages\n\n',
  );
});
