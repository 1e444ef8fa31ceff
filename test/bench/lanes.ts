import { type Answer, Connection, cycle, postRequest } from './connection.ts';
import type { Lane } from './lane.ts';
import { callBody, type Era, INITIALIZE, JSON_HEADERS, mcpHeaders, requestJson } from './requests.ts';
import { createTenant, operate, type Rival } from './servers.ts';
import type { RunningWorker } from './workerd.ts';

/** The loads of the benchmark, for each kind of server. */

const KEYS = 64;
const WRITE = 'blackboard_write';
const READ = 'blackboard_read';
const keyOf = (index: number) => `plan/step-${index % KEYS}`;

const wasWritten = ({ status, body }: Answer) =>
  status === 200 && /"(?:created|updated)\\?"/.test(body) && !body.includes('"isError"');
const wasRead = ({ status, body }: Answer) => status === 200 && body.includes('looked at step');
const wasRateLimited = ({ status, body }: Answer) => status === 200 && body.includes('rate_limited');

let valuesMade = 0;
/**
 * Each key with two values in turn that no other connection writes, so that a write never finds its own value stored. The
 * keys of connections of several tenants may be the same.
 */
function writes(request: (key: string, value: string) => Buffer): Buffer[] {
  const connection = ++valuesMade;
  return Array.from({ length: 2 * KEYS }, (_, step) => {
    const turn = step < KEYS ? 'first' : 'second';
    const value = `Worker ${connection} looked at step ${step} a ${turn} time: the parser is done, two of the tests still fail.`;
    return request(keyOf(step), value);
  });
}

/** A lane whose writes can be counted. */
export interface CheckedLane extends Lane {
  /** How many writes there ever were; lanes that write to the same store have the same function. */
  readonly written?: () => Promise<number>;
}

/** Writes to a rival. Connections of McpAgent have a session each, as its clients do. */
export async function rivalWrites(
  server: Rival,
  worker: RunningWorker,
  loads: readonly { readonly name: string; readonly connections: number }[],
): Promise<CheckedLane[]> {
  const url = `${worker.origin}${server === 'agents-handler' || server === 'mcp-agent' ? '/mcp' : '/'}`;
  const era = server === 'mcp-agent' ? '2025-11-25' : '2026-07-28';
  const requests = async () => {
    if (server === 'floor')
      return writes((key, value) => postRequest(url, JSON_HEADERS, JSON.stringify({ key, value })));
    const session: Record<string, string> =
      server === 'mcp-agent' ? { 'mcp-session-id': await openSession(url) } : {};
    const headers = { ...mcpHeaders(era, WRITE), ...session };
    return writes((key, value) => postRequest(url, headers, callBody(era, WRITE, { key, value })));
  };
  const written = () =>
    requestJson<number>('GET', server === 'mcp-agent' ? `${worker.origin}/written` : worker.origin);
  return Promise.all(
    loads.map(async ({ name, connections }) => ({
      server,
      load: name,
      worker,
      requests: (await Promise.all(Array.from({ length: connections }, requests))).map(cycle),
      accepts: wasWritten,
      written,
    })),
  );
}

async function openSession(url: string): Promise<string> {
  const { 'mcp-protocol-version': _, ...headers } = mcpHeaders('2025-11-25', WRITE);
  const response = await fetch(url, { method: 'POST', headers, body: INITIALIZE });
  const answer = await response.text();
  const session = response.headers.get('mcp-session-id');
  if (session === null) throw new Error(`${url} opened no session: ${response.status} ${answer}`);
  const initialized = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' });
  await fetch(url, { method: 'POST', headers: { ...headers, 'mcp-session-id': session }, body: initialized });
  return session;
}

interface OurLoad {
  readonly name: string;
  readonly connections: number;
  readonly tenants?: number;
  readonly era?: Era;
  readonly kind?: 'write' | 'read' | 'refused';
}

let tenantsMade = 0;

/** A load on the Worker of this or another checkout, with tenants of its own. */
export async function ourLane(server: string, worker: RunningWorker, load: OurLoad): Promise<CheckedLane> {
  const { connections, era = '2026-07-28', kind = 'write' } = load;
  const url = `${worker.origin}/mcp`;
  const ids = Array.from({ length: load.tenants ?? 1 }, () => `bench-${++tenantsMade}`);
  const tokens: string[] = [];
  for (const id of ids) tokens.push(await createTenant(worker.origin, id));
  const headersOf = (index: number, tool: string) => ({
    ...mcpHeaders(era, tool),
    authorization: `Bearer ${tokens[index % tokens.length]}`,
  });
  const request = (index: number, tool: string, args: object) =>
    postRequest(url, headersOf(index, tool), callBody(era, tool, args));
  const writeRequests = (index: number) => writes((key, value) => request(index, WRITE, { key, value }));
  const readRequests = (index: number) =>
    Array.from({ length: KEYS }, (_, step) => request(index, READ, { key: keyOf(step) }));

  if (kind === 'read') await fill(worker.origin, writeRequests(0));
  if (kind === 'refused') {
    for (const id of ids)
      await operate(worker.origin, 'PATCH', `/tenants/${id}/limits`, { tool: WRITE, rate: 0.001, burst: 1 });
    await fill(worker.origin, writeRequests(0).slice(0, 1));
  }
  let probes = 0;
  const written = async () => {
    // Each write increments the tenant's revision by one, and so does this one.
    probes++;
    let total = 0;
    for (const index of ids.keys()) {
      const body = callBody(era, WRITE, { key: 'probe', value: `probe ${probes}` });
      const answer = await requestJson<{ result: { structuredContent: { rev: number } } }>(
        'POST',
        url,
        headersOf(index, WRITE),
        body,
      );
      total += answer.result.structuredContent.rev - probes;
    }
    return total;
  };
  return {
    server,
    load: load.name,
    worker,
    requests: Array.from({ length: connections }, (_, index) =>
      cycle(kind === 'read' ? readRequests(index) : writeRequests(index)),
    ),
    accepts: kind === 'read' ? wasRead : kind === 'refused' ? wasRateLimited : wasWritten,
    ...(kind === 'write' ? { written } : {}),
  };
}

async function fill(origin: string, requests: readonly Buffer[]): Promise<void> {
  const connection = await Connection.open(origin);
  for (const request of requests) {
    const answer = await connection.send(request);
    if (!wasWritten(answer)) throw new Error(`${answer.status} ${answer.body}`);
  }
  connection.close();
}
