import { MCPTool } from '@google/adk';
import { mcpToTool } from '@google/genai';
import { loadMcpTools } from '@langchain/mcp-adapters';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { mcpToFunctionTool } from '@openai/agents-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { catalogue } from '../../src/catalogue.ts';
import { listing } from '../../src/tools/catalogue.ts';

/** What agent kits make of the catalogue before a model sees it. */

type Schema = Readonly<Record<string, unknown>>;
const listings = catalogue.tools.map(listing);
const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Every schema of an argument, of the items of a list and of an alternative, with its path. */
function* argumentsOf(schema: unknown, path: string): Generator<[path: string, schema: Schema]> {
  if (!isSchema(schema)) return;
  yield [path, schema];
  for (const [name, property] of Object.entries(isSchema(schema.properties) ? schema.properties : {}))
    yield* argumentsOf(property, `${path}.${name}`);
  yield* argumentsOf(schema.items, `${path}[]`);
  for (const alternative of Array.isArray(schema.anyOf) ? schema.anyOf : [])
    yield* argumentsOf(alternative, `${path}|`);
}

/** What a model, or the service that runs it, could not make anything of. */
const problemsOf = (schema: unknown, name: string): string[] =>
  [...argumentsOf(schema, name)].flatMap(([path, { type, anyOf, items }]) => {
    const types = [type ?? []].flat().map((one) => String(one).toLowerCase());
    const isTyped = types.length > 0 && !types.includes('type_unspecified');
    return [
      ...(isTyped || Array.isArray(anyOf) ? [] : [`${path} has no type`]),
      ...(!types.includes('array') || (isSchema(items) && Object.keys(items).length > 0)
        ? []
        : [`${path} has no items`]),
    ];
  });

/** A client of a server that has the catalogue, and answers a call with its arguments. */
async function connected(): Promise<Client> {
  const server = new Server({ name: 'catalogue', version: '1.0.0' }, { capabilities: { tools: {} } });
  server.setRequestHandler(ListToolsRequestSchema, () => ({
    // Its answers are not those of the tools.
    tools: listings.map(({ outputSchema: _, ...tool }) => tool),
  }));
  server.setRequestHandler(CallToolRequestSchema, ({ params }) => ({
    content: [{ type: 'text', text: JSON.stringify(params.arguments) }],
  }));
  const client = new Client({ name: 'kit', version: '1.0.0' });
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  await server.connect(theirs);
  await client.connect(ours as Parameters<typeof client.connect>[0]);
  return client;
}

test('the check finds what it looks for', () => {
  const schema = {
    type: 'object',
    properties: { a: {}, b: { type: 'array', items: {} }, c: { type: 'string' } },
  };
  expect(problemsOf(schema, 'tool')).toEqual([
    'tool.a has no type',
    'tool.b has no items',
    'tool.b[] has no type',
  ]);
});

test.each(listings)('$name is published with a type everywhere', ({ name, inputSchema }) => {
  expect(problemsOf(inputSchema, name)).toEqual([]);
});

describe('Google ADK', () => {
  test.each(listings)('$name', (tool) => {
    const converted = new MCPTool(structuredClone(tool) as never, {} as never);
    const parameters = converted._getDeclaration().parameters;
    expect(problemsOf(parameters, tool.name)).toEqual([]);
    expect(Object.keys(parameters?.properties ?? {})).toEqual(
      Object.keys(Object(tool.inputSchema.properties)),
    );
  });
});

describe('OpenAI Agents', () => {
  const server = { name: 'catalogue', cacheToolsList: true } as never;
  test.each(listings)('$name, converted to strict where that is possible', (tool) => {
    const { parameters } = mcpToFunctionTool(structuredClone(tool) as never, server, true);
    expect(problemsOf(parameters, tool.name)).toEqual([]);
    expect(Object.keys(Object(parameters).properties)).toEqual(
      Object.keys(Object(tool.inputSchema.properties)),
    );
  });

  test('a tool without free JSON is strict', () => {
    const strict = listings.filter(
      (tool) => mcpToFunctionTool(structuredClone(tool) as never, server, true).strict,
    );
    expect(strict.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['blackboard_read', 'blackboard_claim', 'scar_record', 'scar_lookup']),
    );
  });
});

describe('Google GenAI', () => {
  test('takes the list as it is', async () => {
    const tool = await mcpToTool((await connected()) as never).tool();
    const declared = tool.functionDeclarations ?? [];
    expect(declared.map(({ name }) => name)).toEqual(listings.map(({ name }) => name));
    for (const { name = '', parametersJsonSchema } of declared)
      expect(problemsOf(parametersJsonSchema, name)).toEqual([]);
  });
});

describe('LangChain', () => {
  let tools: Awaited<ReturnType<typeof loadMcpTools>>;
  beforeAll(async () => {
    tools = await loadMcpTools('catalogue', (await connected()) as never);
  });

  test('every argument keeps its type', () => {
    expect(tools.map(({ name }) => name)).toEqual(listings.map(({ name }) => name));
    for (const { name, schema } of tools) expect(problemsOf(schema, name)).toEqual([]);
  });

  test.each([['text'], [7], [true], [{ nested: [1, { a: null }] }]])(
    'passes the value %j on',
    async (value) => {
      const write = tools.find(({ name }) => name === 'blackboard_write');
      expect(JSON.parse(String(await write?.invoke({ key: 'plan', value })))).toEqual({ key: 'plan', value });
    },
  );

  test('passes messages on', async () => {
    const get = tools.find(({ name }) => name === 'cache_get');
    const messages = [{ role: 'user', content: [{ type: 'text', text: 'hello' }] }];
    const sent = JSON.parse(String(await get?.invoke({ model: 'm', messages, params: { temperature: 0 } })));
    expect(sent).toEqual({ model: 'm', messages, params: { temperature: 0 } });
  });
});
