import { expect, test } from 'vitest';
import { HttpTenant, jsonOf, postMcp } from '../support/http.ts';
import { openSession } from '../support/streams-worker.ts';
import { call } from '../support/v1.ts';

/** Arguments that are null, over every way to the tools. */
const message = {
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name: 'tenant_limits', arguments: null },
};
const meta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};
const modern = { ...message, params: { ...message.params, _meta: meta } };
const MODERN = {
  'mcp-protocol-version': '2026-07-28',
  'mcp-method': 'tools/call',
  'mcp-name': 'tenant_limits',
};
const answered = { result: { structuredContent: { limits: expect.any(Array) } } };

test.each([
  ['2025-11-25', message, { 'mcp-protocol-version': '2025-11-25' }],
  ['2025-11-25, in a stream', message, { 'mcp-protocol-version': '2025-11-25', accept: 'text/event-stream' }],
  ['2026-07-28', modern, MODERN],
])('null arguments are none: %s', async (_, body, headers) => {
  const tenant = await HttpTenant.create();
  const response = await postMcp(tenant.token, body, headers);
  const text = await response.text();
  expect(response.status).toBe(200);
  expect(JSON.parse(text.slice(text.indexOf('{')).trim())).toMatchObject(answered);
});

test('null arguments are none: a batch and a session', async () => {
  const tenant = await HttpTenant.create();
  const batch = await postMcp(tenant.token, [message, { ...message, id: 2 }], {
    'mcp-protocol-version': '2025-03-26',
  });
  expect(await batch.json()).toMatchObject([answered, answered]);
  const session = await openSession(tenant);
  const response = await postMcp(tenant.token, message, { 'mcp-session-id': session });
  expect(await jsonOf(response)).toMatchObject(answered);
});

test('a body of null is none over plain HTTP', async () => {
  const tenant = await HttpTenant.create();
  expect(await jsonOf(await call(tenant.token, 'tenant_limits', null))).toHaveProperty('limits');
});
