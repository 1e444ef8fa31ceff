import { InMemoryTransport } from '@modelcontextprotocol/client';
import type { JSONRPCMessage } from '@modelcontextprotocol/server';
import { afterEach, vi } from 'vitest';
import * as z from 'zod';
import { PLATFORM } from '../../src/connections/http/platform.ts';
import { NO_ACCESS_TOKENS } from '../../src/connections/oauth/access-token.ts';
import { PublishedTools } from '../../src/mcp/published-tools.ts';
import { createServer } from '../../src/mcp/server.ts';
import type { ServerBinding } from '../../src/mcp/server-binding.ts';
import type { TokenId } from '../../src/tenant/contract/call.ts';
import type { Limits } from '../../src/tenant/contract/limit-settings.ts';
import { createCatalogue } from '../../src/tools/catalogue.ts';
import { defineRemoteTool, type RemoteContext } from '../../src/tools/remote-tool.ts';
import { tenantApproval } from '../../src/tools/tenant/approval.ts';
import { SCOPES, type Scope } from '../../src/tools/tool.ts';
import { createdCompartment, GENEROUS } from './compartment.ts';
import { Heard } from './streams-heard.ts';
import type { Answer } from './tenant.ts';

afterEach(() => void vi.useRealTimers());

export type Act = (args: { secret: string; n: number }, context: RemoteContext) => Promise<{ said: string }>;

export const said = (text: string) => ({ said: text });
export const forever: Act = () => new Promise<never>(() => {});

export const probe = (act: Act) =>
  defineRemoteTool({
    kind: 'remote',
    name: 'edge_probe',
    title: 'Probe',
    description: 'Does what the test says.',
    scope: 'blackboard:write',
    cost: 1,
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true },
    asks: true,
    connections: {},
    output: z.strictObject({ said: z.string() }),
    input: z.strictObject({ secret: z.string().default(''), n: z.int().min(0).default(0) }),
    log: { secret: 'omit', n: 'plain' },
    run: act,
  });

const NO_CONNECTIONS = {
  keys: [],
  policy: { ownOrigins: [], isDevelopment: false },
  platform: PLATFORM,
  tokens: NO_ACCESS_TOKENS,
  database: () => undefined,
};

export interface Rig {
  readonly test: ReturnType<typeof createdCompartment>;
  readonly received: Heard<Answer>;
  readonly tokenId: TokenId;
  readonly refused: string[];
  send(message: object): Promise<void>;
  call(args?: unknown, id?: number): Promise<Answer>;
  /** The same with another tool of the catalogue. */
  callTool(name: string, args: unknown): Promise<Answer>;
}

/** A client on one connection to a server whose only tool does `act`, through the door of a compartment. */
export async function opened(
  act: Act,
  limits: Partial<Limits> = {},
  scopes: readonly Scope[] = SCOPES,
): Promise<Rig> {
  const catalogue = createCatalogue([probe(act), tenantApproval]);
  const opened = createdCompartment({ catalogue, limits: { tenant: GENEROUS, tool: GENEROUS, ...limits } });
  const { compartment, clock } = opened;
  const refused: string[] = [];
  const binding: ServerBinding = {
    tokenId: opened.issue(scopes),
    tools: new PublishedTools(catalogue.tools),
    toolFilter: undefined,
    scopes,
    stateKey: new Uint8Array(32),
    connections: NO_CONNECTIONS,
    sessionId: undefined,
    protocolVersion: '2025-11-25',
    transport: 'stdio',
    traceHeaders: { traceparent: null },
    arrival: () => ({
      id: 'request',
      trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), parentSpanId: undefined },
      receivedAt: clock.now,
    }),
    call: async (request) => compartment.call(request),
    completeRemoteCall: async (request, completion) => compartment.completeRemoteCall(request, completion),
    cancelKey: (id) => `key-${id}`,
    cancel: (key) => compartment.cancel(binding.tokenId, key),
    refused: (refusal) => void refused.push(refusal.reason),
    protocolError: () => undefined,
    messageEnded: undefined,
  };
  const [client, server] = InMemoryTransport.createLinkedPair();
  const received = new Heard<Answer>();
  client.onmessage = (message) => received.push(message as Answer);
  await createServer(binding).connect(server);
  await client.start();
  const send = (message: object) => client.send({ jsonrpc: '2.0', ...message } as JSONRPCMessage);
  const answerTo = async (id: number | string) => {
    const isAnswer = (message: Answer) => message.id === id && message.method === undefined;
    await received.until((all) => all.some(isAnswer));
    return received.all.findLast(isAnswer) ?? {};
  };
  const clientInfo = { name: 'test-client', version: '1.0.0' };
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
  await send({ id: 'initialize', method: 'initialize', params });
  await answerTo('initialize');
  await send({ method: 'notifications/initialized' });
  let calls = 0;
  return {
    test: opened,
    received,
    tokenId: binding.tokenId,
    refused,
    send,
    call: async (args = {}, id = ++calls) => {
      await send({ id, method: 'tools/call', params: { name: 'edge_probe', arguments: args } });
      return answerTo(id);
    },
    callTool: async (name, args) => {
      const id = ++calls;
      await send({ id, method: 'tools/call', params: { name, arguments: args } });
      return answerTo(id);
    },
  };
}

export const errorOf = (answer: Answer) => answer.result.structuredContent.error;
export const linesOf = ({ test }: Rig) => test.lines.filter(({ event }) => event === 'tool.call');
