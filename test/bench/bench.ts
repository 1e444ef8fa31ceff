import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  PROTOCOL_VERSION_META_KEY,
} from '@modelcontextprotocol/server';
import { type Measured, measure, prime, type Target } from './load.ts';
import { type RunningWorker, startWorker, type WorkerSource } from './workerd.ts';

/** What a guarded write costs: ours between the floor and an unguarded server, each in a workerd of its own. */

const CONNECTIONS = [1, 16];
const ROUNDS = 2;
const SECONDS = process.argv.includes('--quick') ? 1 : 6;
const TOOL = 'blackboard_write';
const REVISION = '2026-07-28';
const ADMIN_KEY = randomBytes(32).toString('base64url');
/** Everything is on; the limits are so high that they count and never refuse. */
const VARS = {
  PUBLIC_URL: 'http://127.0.0.1',
  ADMIN_KEY,
  TOKEN_KEYS: `bench:${randomBytes(32).toString('base64url')}`,
  TENANT_RATE: '100000',
  TENANT_BURST: '1000000',
  TOOL_RATE: '100000',
  TOOL_BURST: '1000000',
};
const JSON_HEADERS = { 'content-type': 'application/json' };
const MCP_HEADERS = {
  ...JSON_HEADERS,
  accept: 'application/json, text/event-stream',
  'mcp-protocol-version': REVISION,
  'mcp-method': 'tools/call',
  'mcp-name': TOOL,
};

/** A call as a client of the revision 2026-07-28 sends it. */
function toolCall(key: string, value: string): string {
  const _meta = {
    [PROTOCOL_VERSION_META_KEY]: REVISION,
    [CLIENT_INFO_META_KEY]: { name: 'bench', version: '1.0.0' },
    [CLIENT_CAPABILITIES_META_KEY]: {},
  };
  const params = { name: TOOL, arguments: { key, value }, _meta };
  return JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params });
}

async function json<T>(url: string, headers?: Readonly<Record<string, string>>, body?: string): Promise<T> {
  const response = await fetch(
    url,
    body === undefined ? {} : { method: 'POST', headers: headers ?? {}, body },
  );
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status} ${text}`);
  return JSON.parse(text);
}

function floorTarget(worker: RunningWorker): Target {
  const url = worker.origin;
  const body = (key: string, value: string) => JSON.stringify({ key, value });
  return { name: 'floor', worker, url, headers: JSON_HEADERS, body, written: () => json(url) };
}

function unguardedTarget(worker: RunningWorker): Target {
  const url = worker.origin;
  return { name: 'unguarded', worker, url, headers: MCP_HEADERS, body: toolCall, written: () => json(url) };
}

/** Makes a tenant and a token as an operator does. */
async function ourTarget(worker: RunningWorker): Promise<Target> {
  const operator = { ...JSON_HEADERS, authorization: `Bearer ${ADMIN_KEY}` };
  await json(`${worker.origin}/admin/tenants`, operator, '{"id":"bench"}');
  const { token } = await json<{ token: string }>(
    `${worker.origin}/admin/tenants/bench/tokens`,
    operator,
    '{}',
  );
  const url = `${worker.origin}/mcp`;
  const headers = { ...MCP_HEADERS, authorization: `Bearer ${token}` };
  let probes = 0;
  const written = async () => {
    const body = toolCall('probe', `probe ${++probes}`);
    const answer = await json<{ result: { structuredContent: { rev: number } } }>(url, headers, body);
    // Each write takes one revision of the tenant's counter, and so does this one.
    return answer.result.structuredContent.rev - probes;
  };
  return { name: 'ours', worker, url, headers, body: toolCall, written };
}

/** A server that did not log would be faster, and is not what is deployed. */
function requireLogLines({ name, worker }: Target, runs: readonly Measured[]): void {
  const lines = readFileSync(worker.logFile, 'utf8').split('"event":"tool.call"').length - 1;
  const calls = runs.filter((run) => run.server === name).reduce((sum, run) => sum + run.calls, 0);
  if (lines < calls) throw new Error(`${name} answered ${calls} calls and logged ${lines}`);
}

/** Of runs of one round each, so that a slow minute of the machine is in both; then their mean. */
function ratio(runs: readonly Measured[], of: 'cpu' | 'rate', other: string, connections: number): string {
  const among = (server: string) =>
    runs.filter((run) => run.server === server && run.connections === connections).map((run) => run[of]);
  const others = among(other);
  const ratios = among('ours').map((value, round) => value / (others[round] ?? Number.NaN));
  const mean = ratios.reduce((sum, value) => sum + value, 0) / ratios.length;
  return `${mean.toFixed(2)} at ${connections} connections (${ratios.map((value) => value.toFixed(2)).join(', ')})`;
}

function print(runs: readonly Measured[]): void {
  const ratios = (of: 'cpu' | 'rate', other: string) =>
    CONNECTIONS.toReversed().map((connections) => ratio(runs, of, other, connections));
  console.log(`CPU a call, ours / floor (aim: at most 1.8):           ${ratios('cpu', 'floor').join('; ')}`);
  console.log(
    `calls a second, ours / unguarded (aim: at least 1.6):  ${ratios('rate', 'unguarded').join('; ')}`,
  );
  console.table(
    runs.map(({ server, connections, round, cpu, rate, p50, p99 }) => ({
      server,
      connections,
      round,
      'CPU µs/call': Math.round(cpu),
      'calls/s': Math.round(rate),
      'p50 ms': Number(p50.toFixed(2)),
      'p99 ms': Number(p99.toFixed(2)),
    })),
  );
  console.log(`${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores, ${SECONDS} s a run`);
}

const directory = await mkdtemp(join(tmpdir(), 'bulkhead-bench-'));
const workers: RunningWorker[] = [];
async function start(source: WorkerSource): Promise<RunningWorker> {
  const worker = await startWorker(source, directory);
  workers.push(worker);
  return worker;
}
try {
  const config = 'test/bench/wrangler.toml';
  const ours = await ourTarget(await start({ config: 'wrangler.toml', entry: 'src/index.ts', vars: VARS }));
  const targets = [
    floorTarget(await start({ config, entry: 'test/bench/floor.ts', vars: {} })),
    unguardedTarget(await start({ config, entry: 'test/bench/unguarded.ts', vars: {} })),
    ours,
  ];
  for (const target of targets) await prime(target);
  const runs: Measured[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    for (const connections of CONNECTIONS) {
      for (const target of targets)
        runs.push(await measure(target, { connections, round, seconds: SECONDS }));
    }
  }
  requireLogLines(ours, runs);
  print(runs);
} finally {
  for (const worker of workers) await worker.stop();
  await rm(directory, { recursive: true, force: true });
}
