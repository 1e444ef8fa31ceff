import { expect, test } from 'vitest';
import { HttpTenant, jsonOf, postMcp, send } from '../support/http.ts';

/** A number in the arguments that JavaScript would change, over every way to the tools. */

const INEXACT = '12345678901234567890';
const params = `"name":"blackboard_write","arguments":{"key":"k","value":{"ids":[1,${INEXACT}]}}`;
const meta = JSON.stringify({
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
});
const message = `{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{${params}}}`;
const modern = `{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{${params},"_meta":${meta}}}`;
const MODERN = {
  'mcp-protocol-version': '2026-07-28',
  'mcp-method': 'tools/call',
  'mcp-name': 'blackboard_write',
};
const error = {
  code: 'invalid_input',
  field: 'value.ids[1]',
  expected: 'string',
  received: 'number',
};
const refused = { id: 'a', result: { isError: true, structuredContent: { error } } };

async function nothingIsStored(tenant: HttpTenant): Promise<void> {
  const { structuredContent } = await tenant.call('blackboard_read', { key: 'k' });
  expect(structuredContent.entries).toMatchObject([{ found: false }]);
}

test.each([
  ['2025-11-25', message, {}],
  ['2025-11-25, in a stream', message, { accept: 'text/event-stream' }],
  ['2026-07-28', modern, MODERN],
  ['2026-07-28, in a stream', modern, { ...MODERN, accept: 'text/event-stream' }],
])('is an error of the tool under the id of the request: %s', async (_, body, headers) => {
  const tenant = await HttpTenant.create();
  const response = await postMcp(tenant.token, body, headers);
  const text = await response.text();
  expect(response.status).toBe(200);
  expect(JSON.parse(text.slice(text.indexOf('{')).trim())).toMatchObject(refused);
  await nothingIsStored(tenant);
});

test('is an error of its own call in a batch', async () => {
  const tenant = await HttpTenant.create();
  const other = '{"jsonrpc":"2.0","id":"b","method":"tools/call","params":{"name":"tenant_limits"}}';
  const headers = { 'mcp-protocol-version': '2025-03-26' };
  const answers = await jsonOf(await postMcp(tenant.token, `[${message},${other}]`, headers));
  expect(answers).toMatchObject([refused, { id: 'b', result: { structuredContent: {} } }]);
  expect(answers[1].result).not.toHaveProperty('isError');
});

test('is the same problem over plain HTTP', async () => {
  const tenant = await HttpTenant.create();
  const response = await send('/v1/tools/blackboard_write', {
    method: 'POST',
    headers: { authorization: `Bearer ${tenant.token}`, 'content-type': 'application/json' },
    body: `{"key":"k","value":{"ids":[1,${INEXACT}]}}`,
  });
  expect(response.status).toBe(400);
  expect(await jsonOf(response)).toMatchObject(error);
  await nothingIsStored(tenant);
});
