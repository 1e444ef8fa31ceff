import { PassThrough } from 'node:stream';
import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/server';
import { expect, test } from 'vitest';
import { MAX_MESSAGE_BYTES, StdioTransport } from '../../src/local/stdio-transport.ts';

const settle = () => new Promise((resolve) => setImmediate(resolve));

async function started(refuse: (message: JSONRPCMessage) => string | undefined = () => undefined) {
  const input = new PassThrough();
  const output = new PassThrough({ highWaterMark: 1024 });
  const received: JSONRPCMessage[] = [];
  const answered: RequestId[] = [];
  const state = { inputEnded: false, finished: false, closed: false };
  const transport = new StdioTransport(input, output, {
    onReceived: refuse,
    onAnswered: (id) => void answered.push(id),
    onInputEnd: () => {
      state.inputEnded = true;
    },
  });
  transport.onmessage = (message) => void received.push(message);
  transport.onclose = () => {
    state.closed = true;
  };
  void transport.finished.then(() => {
    state.finished = true;
  });
  await transport.start();
  return {
    transport,
    input,
    output,
    received,
    answered,
    state,
    /** What was written to the other side so far. */
    written: (): unknown[] =>
      String(output.read() ?? '')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line)),
  };
}

const ping = (id: number) => `{"jsonrpc":"2.0","id":${id},"method":"ping"}`;

test('messages are lines, however they are cut, and the last one needs no end', async () => {
  const { input, received, state } = await started();
  const text = `${ping(1)}\n\r\n${ping(2)}\r\n{"jsonrpc":"2.0","method":"é"}`;
  for (const byte of Buffer.from(text)) input.write(Buffer.of(byte));
  await settle();
  expect(received.map((message) => Reflect.get(message, 'id'))).toEqual([1, 2]);
  input.end();
  await settle();
  expect(received[2]).toMatchObject({ method: 'é' });
  expect(state.inputEnded).toBe(true);
});

test.each([
  ['no JSON', 'hello', undefined, -32700],
  ['ill-formed UTF-8', Buffer.from([0x22, 0xff, 0x22]), undefined, -32700],
  ['no message', '{"id":1}', undefined, -32600],
  ['a request of no known shape', '{"jsonrpc":"1.0","id":1,"method":"ping"}', 1, -32600],
  ['a batch', `[${ping(1)}]`, undefined, -32600],
  [
    'too deep',
    `{"jsonrpc":"2.0","id":"a","method":"x","params":${'{"p":'.repeat(80)}1${'}'.repeat(81)}`,
    'a',
    -32600,
  ],
  [
    'a number that is not held',
    '{"jsonrpc":"2.0","id":2,"method":"x","params":{"n":9007199254740993}}',
    2,
    -32600,
  ],
  ['an id of 64 bits', '{"jsonrpc":"2.0","id":9223372036854775807,"method":"ping"}', undefined, -32600],
  ['too long', `{"jsonrpc":"2.0","id":3,"method":"${'x'.repeat(MAX_MESSAGE_BYTES)}"}`, 3, -32600],
])('a line with %s is answered with an error, and the next one is served', async (_, line, id, code) => {
  const { input, received, written } = await started();
  input.write(line);
  input.write(`\n${ping(9)}\n`);
  await settle();
  const answers = written();
  expect(answers).toMatchObject([
    { jsonrpc: '2.0', error: { code, message: expect.stringMatching(/^[A-Z].*\.$/) } },
  ]);
  expect(answers.map((answer) => Reflect.get(Object(answer), 'id'))).toEqual([id]);
  expect(received).toMatchObject([{ id: 9 }]);
});

test('what the observer refuses is answered and goes no further', async () => {
  const { input, received, written } = await started((message) =>
    Reflect.get(message, 'id') === 1 ? 'Not now.' : undefined,
  );
  input.write(`${ping(1)}\n${ping(2)}\n`);
  await settle();
  expect(written()).toMatchObject([{ id: 1, error: { code: -32602, message: 'Not now.' } }]);
  expect(received).toMatchObject([{ id: 2 }]);
});

test('it is finished once what came before the end of input is answered', async () => {
  const { transport, input, state, answered } = await started();
  const cancel = '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}';
  const listen = '{"jsonrpc":"2.0","id":3,"method":"subscriptions/listen"}';
  input.end(`${ping(1)}\n${ping(2)}\n${cancel}\n${listen}\n`);
  await settle();
  expect(state).toEqual({ inputEnded: true, finished: false, closed: false });
  await transport.send({ jsonrpc: '2.0', id: 1, result: {} });
  await settle();
  expect(state.finished).toBe(true);
  expect(answered).toEqual([1]);
});

test('it is finished when the other side reads no more, and says nothing after it was closed', async () => {
  const { transport, output, state } = await started();
  const errors: Error[] = [];
  transport.onerror = (error) => void errors.push(error);
  output.destroy(new Error('EPIPE'));
  await settle();
  expect(errors).toMatchObject([{ message: 'EPIPE' }]);
  expect(state.finished).toBe(true);
  await transport.close();
  await transport.close();
  expect(state.closed).toBe(true);
  await transport.send({ jsonrpc: '2.0', method: 'late' });
});

test('it reads no further while the other side does not read', async () => {
  const { transport, input, output, received } = await started();
  let isReady = false;
  await transport.send({ jsonrpc: '2.0', method: 'x'.repeat(2000) });
  void transport.whenWritable().then(() => {
    isReady = true;
  });
  input.write(`${ping(1)}\n`);
  await settle();
  expect(received).toEqual([]);
  expect(isReady).toBe(false);
  output.resume();
  await transport.whenWritable();
  await settle();
  expect(received).toMatchObject([{ id: 1 }]);
});
