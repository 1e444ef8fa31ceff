import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildWorker, type RunningWorker, runWorker } from './workerd.ts';

/**
 * What subscribers cost a writer: the time of a write to a cell with many subscribers, to a cell without any while as
 * many streams are open, and to a tenant without streams. All three are measured in turn, in one workerd.
 */

const LISTENERS = Number(argumentOf('listeners') ?? 1000);
const ROUNDS = Number(argumentOf('rounds') ?? 6);
const WRITES = Number(argumentOf('writes') ?? 25);
/** Between two writes, in milliseconds; 0 writes as fast as answers come. */
const PAUSE_MS = Number(argumentOf('pause') ?? 0);
const OPENED_AT_ONCE = 25;
const ADMIN_KEY = randomBytes(32).toString('base64url');
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
const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });

function argumentOf(name: string): string | undefined {
  return process.argv.find((text) => text.startsWith(`--${name}=`))?.slice(name.length + 3);
}

interface Tenant {
  readonly origin: string;
  readonly headers: Readonly<Record<string, string>>;
}

async function post(url: string, headers: Readonly<Record<string, string>>, body: object): Promise<Response> {
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${url} answered ${response.status} ${await response.text()}`);
  return response;
}

async function createTenant({ origin }: RunningWorker, id: string): Promise<Tenant> {
  const operator = { ...JSON_HEADERS, authorization: `Bearer ${ADMIN_KEY}` };
  await (await post(`${origin}/admin/tenants`, operator, { id })).text();
  const issued = await post(`${origin}/admin/tenants/${id}/tokens`, operator, {});
  const { token } = (await issued.json()) as { token: string };
  return { origin, headers: { ...JSON_HEADERS, authorization: `Bearer ${token}` } };
}

let values = 0;

/** Writes a cell by plain HTTP. @returns how long the answer took, in milliseconds */
async function write({ origin, headers }: Tenant, key: string): Promise<number> {
  const began = performance.now();
  const response = await post(`${origin}/v1/tools/blackboard_write`, headers, { key, value: ++values });
  await response.text();
  return performance.now() - began;
}

/** Notifications of cells that all streams have received. */
let received = 0;
const NOTIFICATION = 'notifications/resources/updated';

/** Opens a session of the 2025-11-25 revision that is subscribed to a cell, and its stream. */
async function listen({ origin, headers }: Tenant, key: string): Promise<void> {
  const url = `${origin}/mcp`;
  const mcp = { ...headers, accept: 'application/json, text/event-stream' };
  const clientInfo = { name: 'bench', version: '1.0.0' };
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
  const opened = await post(url, mcp, { jsonrpc: '2.0', id: 1, method: 'initialize', params });
  await opened.text();
  const session = { ...mcp, 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' };
  const uri = `blackboard://default/${key}`;
  const subscribed = await post(url, session, {
    jsonrpc: '2.0',
    id: 2,
    method: 'resources/subscribe',
    params: { uri },
  });
  if ('error' in ((await subscribed.json()) as object)) throw new Error('the subscription was refused');
  await new Promise<void>((resolve, reject) => {
    const opening = request(url, { agent, headers: { ...session, accept: 'text/event-stream' } });
    opening.on('error', reject);
    opening.on('response', (response) => {
      if (response.statusCode !== 200) reject(new Error(`a stream answered ${response.statusCode}`));
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        received += text.split(NOTIFICATION).length - 1;
      });
      // A stream that is aborted at the end of the bench has nothing more to report.
      response.on('error', () => {});
      resolve();
    });
    opening.end();
  });
}

async function until(isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 120_000;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`${received} notifications arrived in time`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function durations(tenant: Tenant, key: string): Promise<number[]> {
  const took: number[] = [];
  for (let n = 0; n < WRITES; n++) {
    took.push(await write(tenant, key));
    if (PAUSE_MS > 0) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return took;
}

const percentile = (values: readonly number[], part: number) =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * part)] ?? Number.NaN;

async function run(worker: RunningWorker): Promise<void> {
  const [alone, heard] = [await createTenant(worker, 'alone'), await createTenant(worker, 'heard')];
  for (const tenant of [alone, heard]) for (const key of ['hot', 'quiet']) await write(tenant, key);
  for (let opened = 0; opened < LISTENERS; opened += OPENED_AT_ONCE)
    await Promise.all(Array.from({ length: OPENED_AT_ONCE }, () => listen(heard, 'hot')));
  for (const tenant of [alone, heard]) for (let n = 0; n < 100; n++) await write(tenant, 'quiet');
  const took = { alone: [] as number[], quiet: [] as number[], hot: [] as number[], all: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    took.alone.push(...(await durations(alone, 'quiet')));
    took.quiet.push(...(await durations(heard, 'quiet')));
    const [before, began] = [received, performance.now()];
    took.hot.push(...(await durations(heard, 'hot')));
    await until(() => received >= before + LISTENERS * WRITES);
    took.all.push(performance.now() - began);
  }
  const p50 = percentile(took.alone, 0.5);
  for (const [name, values] of [
    ['a tenant without streams', took.alone],
    [`a cell that nobody listens to, ${LISTENERS} streams open`, took.quiet],
    [`a cell with ${LISTENERS} subscribers`, took.hot],
  ] as const) {
    const [median, tail] = [percentile(values, 0.5), percentile(values, 0.99)];
    console.log(
      `${name}: p50 ${median.toFixed(2)} ms (${(median / p50).toFixed(2)} x), p99 ${tail.toFixed(2)} ms`,
    );
  }
  console.log(
    `${WRITES} writes, ${PAUSE_MS} ms apart: ${Math.round(percentile(took.all, 0.5))} ms until all have been notified`,
  );
  console.log(`${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores`);
}

const directory = await mkdtemp(join(tmpdir(), 'bulkhead-fanout-'));
const source = { name: 'bulkhead', config: 'wrangler.toml', entry: 'src/index.ts' };
const worker = await runWorker(buildWorker(source, directory), {
  storage: join(directory, 'storage'),
  vars: VARS,
});
try {
  await run(worker);
} finally {
  agent.destroy();
  await worker.stop();
  await rm(directory, { recursive: true, force: true });
}
