import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport as StdioV1 } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport as HttpV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport as TransportV1 } from '@modelcontextprotocol/sdk/shared/transport.js';
import { isInitializeRequest, type JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import type { TestServer } from '../server.ts';
import { Operator } from '../server.ts';
import { type ContractClient, connectV1, connectV2 } from './client.ts';
import type { Cell, Revision } from './table.ts';
import { Wire } from './wire.ts';

/** What the checks of one cell have: a tenant of its own, and two agents in it. */
export interface Rig {
  readonly client: ContractClient;
  /** Another agent, which speaks another revision. */
  readonly other: ContractClient;
  /** What the client was answered in; undefined by stdio. */
  readonly wire: Wire | undefined;
  /** Whether calls reach the tools in the order in which they are made. */
  readonly inOrder: boolean;
  /** The lines that the server has logged for this tenant. */
  lines(): string[];
  close(): Promise<void>;
}

/** Tools that a tenant at the server has few calls of, and no new ones while the test runs. */
const LIMITED = ['scar_list', 'blackboard_watch'].map((tool) => ({ tool, rate: 0.001, burst: 5 }));
/** Of one process; a cell makes a few hundred calls. */
const MAX_LOG_CHARS = 1_000_000;
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const SECOND: Readonly<Record<Revision, Revision>> = {
  '2026-07-28': '2025-11-25',
  '2025-11-25': '2026-07-28',
  '2024-11-05': '2026-07-28',
};

export function openCell(cell: Cell, server: TestServer, tenant: string): Promise<Rig> {
  return cell.transport === 'stdio, local' ? openLocal(cell) : openRemote(cell, server, tenant);
}

/** Two processes on one data directory. */
async function openLocal({ revision }: Cell): Promise<Rig> {
  const data = mkdtempSync(join(tmpdir(), 'bulkhead-contract-'));
  const open: Spawned[] = [];
  const spawned = async (spoken: Revision) => {
    const one = await spawn(spoken, ['--data', data, '--verbose'], {});
    open.push(one);
    return one;
  };
  const close = async () => {
    await Promise.all(open.map(({ client }) => client.close()));
    rmSync(data, { recursive: true, force: true });
  };
  try {
    const { client, lines } = await spawned(revision);
    const other = (await spawned(SECOND[revision])).client;
    return { client, other, wire: undefined, inOrder: true, lines, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openRemote(cell: Cell, server: TestServer, tenant: string): Promise<Rig> {
  const token = await new Operator(server).tenant(tenant, ...LIMITED);
  const wire = cell.transport === 'stdio, bridge' ? undefined : new Wire(cell.transport);
  const client =
    wire === undefined
      ? (await spawn(cell.revision, ['--url', `${server.url}/mcp`], { BULKHEAD_TOKEN: token })).client
      : await byHttp(cell.revision, server.url, token, wire);
  const other = await byHttp(SECOND[cell.revision], server.url, token, new Wire('HTTP, JSON'));
  return {
    client,
    other,
    wire,
    inOrder: false,
    lines: () => server.lines().filter((line) => line.includes(`"tenant":"${tenant}"`)),
    close: async () => void (await Promise.all([client.close(), other.close()])),
  };
}

interface Spawned {
  readonly client: ContractClient;
  /** What the process has written to standard error. */
  lines(): string[];
}

async function spawn(
  revision: Revision,
  options: readonly string[],
  env: Record<string, string>,
): Promise<Spawned> {
  const args = ['src/cli/run.mjs', 'stdio', ...options];
  const parameters = { command: process.execPath, args, env, cwd: ROOT, stderr: 'pipe' } as const;
  const modern = revision === '2026-07-28';
  const transport = modern ? new StdioClientTransport(parameters) : new StdioV1(parameters);
  let text = '';
  transport.stderr?.on('data', (chunk) => {
    if (text.length > MAX_LOG_CHARS) throw new Error(`a log of more than ${MAX_LOG_CHARS} characters`);
    text += chunk;
  });
  const client = await (transport instanceof StdioV1 ? connectV1(transport) : connectV2(transport));
  return { client, lines: () => text.split('\n').slice(0, -1) };
}

function byHttp(revision: Revision, url: string, token: string, wire: Wire): Promise<ContractClient> {
  const options = { requestInit: { headers: { authorization: `Bearer ${token}` } }, fetch: wire.fetch };
  const endpoint = new URL('/mcp', url);
  if (revision === '2026-07-28') return connectV2(new StreamableHTTPClientTransport(endpoint, options));
  if (revision === '2024-11-05') return connectV1(new SseOf2024(new URL('/sse', url), options));
  const transport = new HttpV1(endpoint, options);
  return connectV1(transport as TransportV1, () => transport.terminateSession());
}

/** The SDK proposes no revision but its newest; a client of this transport's time proposes its own. */
class SseOf2024 extends SSEClientTransport {
  override send(message: JSONRPCMessage): Promise<void> {
    return super.send(
      isInitializeRequest(message)
        ? { ...message, params: { ...message.params, protocolVersion: '2024-11-05' } }
        : message,
    );
  }
}
