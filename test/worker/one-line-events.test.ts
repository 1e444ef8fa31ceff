import { expect, test } from 'vitest';
import { withOneLineEvents } from '../../src/edge/http/one-line-events.ts';
import { callTool, HttpTenant } from '../support/http.ts';
import { modern } from '../support/streams-worker.ts';

const value = 'a\u2028b\u2029c\u0085d';
const SSE_FIRST = { accept: 'text/event-stream, application/json;q=0.5' };

test.each([
  ['2025', (args: object) => ({ body: callTool('blackboard_read', args), headers: {} })],
  [
    '2026',
    (args: object) => modern('tools/call', { name: 'blackboard_read', arguments: args }, 'blackboard_read'),
  ],
])('an answer in an event stream of %s is one line a message', async (_era, request) => {
  const tenant = await HttpTenant.create();
  await (await tenant.post(callTool('blackboard_write', { key: 'a', value }))).text();
  const { body, headers } = request({ key: 'a' });
  const text = await (await tenant.post(body, { ...headers, ...SSE_FIRST })).text();
  expect(text).not.toMatch(/[\u0085\u2028\u2029]/);
  const data = text.split('\n').find((line) => line.startsWith('data: {'));
  const { result } = JSON.parse(data?.slice('data: '.length) ?? '');
  expect(result.structuredContent.entries[0].value).toBe(value);
});

test('a separator whose bytes come apart is escaped all the same', async () => {
  const bytes = new TextEncoder().encode('data: "a\u2028b"\n\n');
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
      controller.close();
    },
  });
  const response = new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  expect(await withOneLineEvents(response).text()).toBe('data: "a\\u2028b"\n\n');
});
