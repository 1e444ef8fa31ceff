import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema, LoggingMessageNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { CLIENT_CAPABILITIES_META_KEY, PROTOCOL_VERSION_META_KEY } from '@modelcontextprotocol/server';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTarget, type Target } from './entries.ts';

/** The suite has the tools that answer with a question called by 2026-07-28 only; a 2025 client is asked it too. */

const TOOL = 'test_input_required_result_multi_round';

let target: Target;
beforeAll(async () => {
  target = await startTarget('fixture');
});
afterAll(() => target?.stop());

/** A client of 2025-11-25 that answers elicitations, if it does, from a list. */
async function connect(answers?: Record<string, string>[]): Promise<Client> {
  const client = new Client(
    { name: 'bulkhead-tests', version: '1.0.0' },
    { capabilities: answers === undefined ? {} : { elicitation: {} } },
  );
  if (answers !== undefined) {
    client.setRequestHandler(ElicitRequestSchema, () => {
      const content = answers.shift();
      if (content === undefined) throw new Error('it asks too often');
      return { action: 'accept', content };
    });
  }
  const transport = new StreamableHTTPClientTransport(new URL(target.url));
  await client.connect(transport as Parameters<typeof client.connect>[0]);
  return client;
}

test('a tool that asks twice asks a 2025 client twice, within one call', async () => {
  const answers = [{ name: 'Alice' }, { color: 'blue' }];
  const client = await connect(answers);
  const result = await client.callTool({ name: TOOL, arguments: {} });
  expect(result).toMatchObject({ content: [{ type: 'text', text: 'The colour is blue.' }] });
  expect(answers).toEqual([]);
  await client.close();
});

test.each([TOOL, 'test_elicitation_sep1034_defaults'])(
  'a 2025 client that answers nothing is told so by %s, and goes on',
  async (name) => {
    const client = await connect();
    expect(await client.callTool({ name, arguments: {} })).toMatchObject({ isError: true });
    const after = await client.callTool({ name: 'test_simple_text', arguments: {} });
    expect(after.isError).toBeFalsy();
    await client.close();
  },
);

test('a client is asked only for what it said that it can be asked', async () => {
  const client = await connect([]);
  const result = await client.callTool({ name: 'test_sampling', arguments: { prompt: 'Hello' } });
  expect(result).toMatchObject({ isError: true, structuredContent: { error: { code: 'forbidden' } } });
  await client.close();
});

test('a level that a 2025 client sets holds for the calls of its session that follow', async () => {
  const client = await connect();
  const heard: string[] = [];
  client.setNotificationHandler(
    LoggingMessageNotificationSchema,
    ({ params }) => void heard.push(params.level),
  );
  const log = () => client.callTool({ name: 'test_tool_with_logging', arguments: {} });
  await log();
  expect(new Set(heard)).toEqual(new Set(['info']));
  heard.length = 0;
  await client.setLoggingLevel('error');
  await log();
  expect(heard).toEqual([]);
  await client.setLoggingLevel('debug');
  await log();
  expect(heard.length).toBeGreaterThan(0);
  await client.close();
});

test('plain HTTP, which has no way to ask, has none of the tools that do', async () => {
  const { origin } = new URL(target.url);
  const listed = (await (await fetch(`${origin}/v1/tools`)).json()) as { tools: { name: string }[] };
  const names = listed.tools.map(({ name }) => name);
  expect(names).toContain('blackboard_write');
  expect(names).not.toContain(TOOL);
  const called = await fetch(`${origin}/v1/tools/${TOOL}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  expect([called.status, await called.json()]).toMatchObject([404, { code: 'unknown_tool' }]);
});

interface Answered {
  readonly result?: { resultType: string; requestState?: string };
  readonly error?: { code: number };
}

/** Calls a tool as a client of 2026-07-28 does. */
async function callModern(name: string, more: object = {}): Promise<Answered> {
  const revision = '2026-07-28';
  const _meta = {
    [PROTOCOL_VERSION_META_KEY]: revision,
    [CLIENT_CAPABILITIES_META_KEY]: { elicitation: {} },
  };
  const response = await fetch(target.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': revision,
      'mcp-method': 'tools/call',
      'mcp-name': name,
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name, arguments: {}, _meta, ...more },
    }),
  });
  return (await response.json()) as Answered;
}

test('what a tool keeps with its client comes back to that tool alone, and only as it was', async () => {
  const [one, other] = [
    'test_input_required_result_request_state',
    'test_input_required_result_tampered_state',
  ];
  const { result } = await callModern(one);
  const inputResponses = { confirm: { action: 'accept', content: { ok: true } } };
  const requestState = result?.requestState ?? '';
  const answered = (name: string, state: string) => callModern(name, { inputResponses, requestState: state });
  expect(await answered(one, requestState)).toMatchObject({ result: { resultType: 'complete' } });
  expect(await answered(other, requestState)).toMatchObject({ result: { resultType: 'input_required' } });
  expect(await answered(one, `${requestState}A`)).toMatchObject({ error: { code: -32602 } });
});
