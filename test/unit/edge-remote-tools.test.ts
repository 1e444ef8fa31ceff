import { expect, test } from 'vitest';
import * as z from 'zod';
import { text } from '../../src/tools/fields.ts';
import { defineRemoteTool, type RemoteContext } from '../../src/tools/remote-tool.ts';
import { openEdge } from '../support/edge-in-node.ts';

/** Remote tools as the edge serves them: over plain HTTP, and with questions to a client of 2026-07-28. */

const traits = {
  kind: 'remote',
  title: 'Probe',
  description: 'Does what the test says, at the edge and after admission.',
  scope: 'scar:read',
  cost: 1,
  connections: {},
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  input: z.strictObject({ what: text(1, 64) }),
  output: z.strictObject({ said: z.string() }),
  log: { what: 'plain' },
} as const;
type Run = (args: { what: string }, context: RemoteContext) => Promise<{ said: string }>;
const quiet = (run: Run) => defineRemoteTool({ ...traits, name: 'scar_quiet', asks: false, run });
const sure = z.object({ sure: z.boolean() });
const asking = (then: () => void = () => undefined) =>
  defineRemoteTool({
    ...traits,
    name: 'scar_ask',
    asks: true,
    run: async ({ what }, { ask }) => {
      const first = await ask({ confirm: { kind: 'elicit', message: `Do ${what}?`, schema: sure } });
      const second = await ask({ model: { kind: 'sample', prompt: what, maxTokens: 10 } });
      then();
      return { said: JSON.stringify([first.confirm, second.model.content]) };
    },
  });

test('plain HTTP serves a remote tool that asks nothing, and no other', async () => {
  const edge = await openEdge([
    quiet(async ({ what }, { tenant, canAsk }) => ({ said: `${what} of ${tenant} ${canAsk('elicit')}` })),
    asking(),
  ]);
  expect(await edge.v1('scar_quiet', { what: 'it' })).toEqual({
    status: 200,
    body: { said: 'it of test false' },
  });
  expect(await edge.v1('scar_quiet', {})).toMatchObject({ status: 400, body: { field: 'what' } });
  expect(await edge.v1('scar_ask', { what: 'it' })).toMatchObject({
    status: 404,
    body: { code: 'unknown_tool' },
  });
  const listed = (await (await edge.send('/v1/tools')).json()) as { tools: { name: string }[] };
  expect(listed.tools.map(({ name }) => name)).toEqual(['scar_quiet']);
  edge.test.compartment.flush();
  const records = edge.test.db.exec("SELECT tool, outcome FROM records WHERE tool = 'scar_quiet'");
  expect(records.map(({ outcome }) => outcome)).toEqual(['deferred', 'answer', 'error']);
});

test('a call of a remote tool is one data point when it has ended, with its duration and the size of its answer', async () => {
  const points: unknown[] = [];
  const edge = await openEdge([quiet(async ({ what }) => ({ said: what }))], { points });
  const { body } = await edge.v1('scar_quiet', { what: 'it' });
  await edge.v1('scar_quiet', {});
  const sizes = [1, expect.any(Number), expect.any(Number)];
  expect(points).toEqual([
    {
      indexes: ['test'],
      blobs: ['scar_quiet', 'answer', '', '', ''],
      doubles: [...sizes, JSON.stringify(body).length],
    },
    { indexes: ['test'], blobs: ['scar_quiet', 'error', 'invalid_input', '', ''], doubles: [...sizes, 0] },
  ]);
});

test.each([
  ['answers against its output schema', async () => ({ said: 7 }) as never],
  ['asks although it declares that it asks nothing', async (_args, { ask }) => ask({}) as never],
  ['throws', () => Promise.reject(new Error('SECRET-CAUSE'))],
] satisfies [string, Run][])('a remote tool that %s fails as internal', async (_name, run) => {
  const edge = await openEdge([quiet(run)]);
  const { status, body } = await edge.v1('scar_quiet', { what: 'it' });
  expect(status).toBe(500);
  expect(body).toMatchObject({ code: 'internal', error_id: expect.any(String) });
  expect(JSON.stringify(body)).not.toContain('SECRET-CAUSE');
  expect(edge.test.lines.at(-1)).toMatchObject({ code: 'internal', cause: expect.anything() });
});

test('a model gets 64 KiB of an answer and is told how to get the rest; a program gets it whole', async () => {
  const edge = await openEdge([quiet(async () => ({ said: 'x'.repeat(100_000) }))]);
  const { result } = await edge.mcp('tools/call', { name: 'scar_quiet', arguments: { what: 'it' } });
  const [{ text }] = result.content;
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(65_536);
  expect(JSON.parse(text)).toEqual(result.structuredContent);
  const { said, left_out } = result.structuredContent;
  expect(left_out).toEqual({
    parts: [{ path: 'said', bytes: 100_000 - said.length }],
    hint: expect.stringContaining('POST /v1/tools/scar_quiet'),
  });
  expect((await edge.v1('scar_quiet', { what: 'it' })).body.said).toHaveLength(100_000);
});

const CAPABILITIES = { elicitation: {}, sampling: {} };
const ACCEPTED = { action: 'accept', content: { sure: true } };
const SAMPLED = { role: 'assistant', model: 'm', content: { type: 'text', text: 'hi' } };
type Edge = Awaited<ReturnType<typeof openEdge>>;
const call = async (edge: Edge, what: string, more: object = {}) =>
  (await edge.mcp('tools/call', { name: 'scar_ask', arguments: { what }, ...more }, CAPABILITIES)).result;

test('a client of 2026-07-28 answers with further calls, and earlier answers are kept for it', async () => {
  let effects = 0;
  const edge = await openEdge([asking(() => void effects++)]);
  const first = await call(edge, 'it');
  expect(first).toMatchObject({ resultType: 'input_required', requestState: expect.any(String) });
  expect(Object.keys(first.inputRequests)).toEqual(['confirm']);
  const second = await call(edge, 'it', {
    inputResponses: { confirm: ACCEPTED },
    requestState: first.requestState,
  });
  expect(Object.keys(second.inputRequests)).toEqual(['model']);
  expect(effects).toBe(0);
  const last = await call(edge, 'it', {
    inputResponses: { model: SAMPLED },
    requestState: second.requestState,
  });
  expect(JSON.parse(last.structuredContent.said)).toEqual([ACCEPTED, SAMPLED.content]);
  expect(effects).toBe(1);
});

test('a tool that continues without the answer has no connection, and its answer is not passed on', async () => {
  let refused: unknown;
  const deaf = defineRemoteTool({
    ...traits,
    name: 'scar_ask',
    asks: true,
    connections: { crm: 'http' },
    run: async ({ what }, { ask, connection }) => {
      await ask({ confirm: { kind: 'elicit', message: what, schema: sure } }).catch(() => undefined);
      try {
        connection('crm');
      } catch (cause) {
        refused = cause;
      }
      return { said: 'done without asking' };
    },
  });
  const edge = await openEdge([deaf]);
  expect(await call(edge, 'it')).toMatchObject({ resultType: 'input_required' });
  expect(String(refused)).not.toContain('not set up');
});

test('an answer with a state counts for the call whose question it answers, and for no other', async () => {
  const edge = await openEdge([asking()]);
  const { requestState } = await call(edge, 'it');
  const asksAgain = (result: { inputRequests?: object }) => Object.keys(result.inputRequests ?? {});
  const inputResponses = { confirm: ACCEPTED };
  expect(asksAgain(await call(edge, 'something else', { inputResponses, requestState }))).toEqual([
    'confirm',
  ]);
  // Nor is a question answered that was not asked.
  const early = { model: SAMPLED, ...inputResponses };
  expect(asksAgain(await call(edge, 'it', { inputResponses: early, requestState }))).toEqual(['model']);
});

test('an answer that does not fit the question is refused in a sentence', async () => {
  const edge = await openEdge([asking()]);
  const { requestState } = await call(edge, 'it');
  const inputResponses = { confirm: { action: 'accept', content: { sure: 'very' } } };
  expect(await call(edge, 'it', { inputResponses, requestState })).toMatchObject({
    isError: true,
    structuredContent: { error: { code: 'invalid_input' } },
  });
});

test('a call of a remote tool in a batch is refused, and the rest of the batch is answered', async () => {
  let ran = 0;
  const edge = await openEdge([
    quiet(async () => {
      ran++;
      return { said: 'it' };
    }),
  ]);
  const called = (id: number) => ({
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { name: 'scar_quiet', arguments: { what: 'it' } },
  });
  const response = await edge.send('/mcp', {
    method: 'POST',
    body: JSON.stringify([called(1), called(2), { jsonrpc: '2.0', id: 3, method: 'ping' }]),
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      'mcp-protocol-version': '2025-03-26',
    },
  });
  const refused = { isError: true, structuredContent: { error: { code: 'invalid_input' } } };
  expect(await response.json()).toMatchObject([
    { id: 1, result: refused },
    { id: 2, result: refused },
    { id: 3, result: {} },
  ]);
  expect(ran).toBe(0);
});
