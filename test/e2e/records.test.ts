import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { gunzipSync } from 'node:zlib';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WIDTH, widthOf } from '../../src/cli/columns.ts';
import { Checkout, cli, freePort } from '../support/node-cli.ts';

/**
 * What an operator on call is asked, after an incident: three agents of two clients, of which one ran away, two overwrote each
 * other's cell, one met a tool that fails, and one went on with a token that was revoked.
 */

let checkout: Checkout;
let url: string;
const tokens: Record<string, { id: string; token: string }> = {};

/** What a command prints for people, in lines that fit a terminal. */
async function tenant(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await checkout.run(cli('tenant', ...args));
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  for (const line of stdout.split('\n')) expect(widthOf(line)).toBeLessThanOrEqual(WIDTH);
  return stdout;
}

const adminKey = () => /^ADMIN_KEY=(.*)$/m.exec(readFileSync(join(checkout.dir, '.dev.vars'), 'utf8'))?.[1];

async function admin(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
  const response = await fetch(`${url}/admin${path}`, {
    method,
    headers: { authorization: `Bearer ${adminKey()}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return response.json() as Promise<Record<string, unknown>>;
}

async function agent(
  client: string,
  token: string,
): Promise<(tool: string, args?: object) => Promise<unknown>> {
  const mcp = new Client({ name: client, version: '1.0.0' });
  const requestInit = { headers: { authorization: `Bearer ${token}` } };
  await mcp.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit }));
  return async (name, args = {}) => (await mcp.callTool({ name, arguments: { ...args } })).structuredContent;
}

/** A release with a bug in a tool. */
function breakLookup(): void {
  const file = join(checkout.dir, 'src/tools/scar/lookup.ts');
  const source = readFileSync(file, 'utf8');
  const broken = source.replace(
    'run(args, context) {',
    "run(args, context) {\n    if (args.tool === 'deploy') throw new Error('a bug');",
  );
  expect(broken).not.toBe(source);
  writeFileSync(file, broken);
}

let errorId: string;

beforeAll(async () => {
  checkout = new Checkout();
  breakLookup();
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  await checkout.start(port);
  await admin('POST', '/tenants', { id: 'acme' });
  await admin('PATCH', '/tenants/acme/limits', { tool: 'blackboard_list', rate: 0.5, burst: 3 });
  for (const label of ['planner', 'worker', 'runaway']) {
    const issued = await admin('POST', '/tenants/acme/tokens', { label });
    tokens[label] = { id: String(issued.token_id), token: String(issued.token) };
  }
  await incident();
});
afterAll(() => checkout.remove());

const tokenOf = (label: string) => tokens[label]?.token ?? '';

async function incident(): Promise<void> {
  const planner = await agent('alpha-ide', tokenOf('planner'));
  const worker = await agent('alpha-ide', tokenOf('worker'));
  const runaway = await agent('beta-bot', tokenOf('runaway'));
  const cell = { run_id: 'release-42', key: 'plan' };
  await planner('blackboard_write', { ...cell, value: 1, by: 'ann' });
  await worker('blackboard_read', cell);
  await worker('blackboard_write', { ...cell, value: 2, by: 'bob' });
  await planner('blackboard_write', { ...cell, value: 3, by: 'ann', if_rev: 1 });
  const failure = {
    tool: 'terraform',
    error_type: 'LockError',
    error_message: 'the state is locked by another process',
    class: 'deterministic',
  };
  for (let times = 0; times < 3; times++) await worker('scar_record', { ...failure, run_id: `r${times}` });
  await planner('scar_check', { action: 'the state is locked by another process', tool: 'terraform' });
  const failed = await planner('scar_lookup', { tool: 'deploy', error_type: 'E', error_message: 'e' });
  errorId = String(Reflect.get(Object(Reflect.get(Object(failed), 'error')), 'error_id'));
  const prompt = { model: 'm', prompt: 'say hello' };
  await planner('cache_set', {
    ...prompt,
    response: 'hello',
    usage: { input_tokens: 9000, output_tokens: 9000, cost_usd: 0.5 },
  });
  await planner('cache_get', prompt);
  await Promise.all(Array.from({ length: 40 }, () => runaway('blackboard_list', { run_id: 'release-42' })));
  await admin('DELETE', `/tenants/acme/tokens/${tokens.runaway?.id}`);
  for (let times = 0; times < 3; times++) await runaway('blackboard_list').catch(() => {});
}

async function metrics(): Promise<string> {
  const headers = { authorization: `Bearer ${adminKey()}` };
  return (await fetch(`${url}/admin/metrics`, { headers })).text();
}

const runOf = async (label: string): Promise<string> => {
  const { runs } = JSON.parse(await tenant('runs', 'acme', '--token', tokens[label]?.id ?? '', '--json'));
  return String(runs[0].run);
};

test('1: why was an agent refused at that time? The bucket of a tool was empty', async () => {
  // Refusals that are alike are counted for half a second.
  const refused = () => tenant('calls', 'acme', '--outcome', 'refused', '--since', '10m', '--until', '0s');
  await expect.poll(refused, { timeout: 5000 }).toMatch(/blackboard_list +rate_limited ×\d+ .*runaway/);
  const { calls } = JSON.parse(await tenant('calls', 'acme', '--code', 'rate_limited', '--json'));
  expect(await tenant('explain', 'acme', calls.at(-1).request_id)).toMatch(
    /It was refused: the bucket of\s+blackboard_list\s+is\s+empty\s+\(rate_limited\)\./,
  );
});

test('2: what did a run change? Each step with the revisions that it made', async () => {
  const text = await tenant('trace', 'acme', await runOf('planner'));
  expect(text).toContain('alpha-ide');
  expect(text).toMatch(/blackboard_write +created .*\n +rev 1: set release-42\/plan by ann/);
  expect(text).toMatch(/blackboard_write +conflict /);
});

test('3: who read this cell? The worker', async () => {
  const text = await tenant('calls', 'acme', '--tool', 'blackboard_read', '--key', 'plan');
  expect(text).toMatch(/blackboard_read +ok .*release-42\/plan +worker/);
});

test('4: which tenant uses how much? Its calls and refusals by day, and by token', async () => {
  expect(await tenant('usage', 'acme', '--by', 'token')).toMatch(/runaway/);
  expect(await metrics()).toMatch(/bulkhead_storage_bytes\{tenant="acme"\} \d+/);
});

test('5: is the limit too low? The refusals of each tool', async () => {
  const { usage } = JSON.parse(await tenant('usage', 'acme', '--by', 'tool', '--json'));
  const listed = usage.find(({ tool }: { tool: string }) => tool === 'blackboard_list');
  expect(listed.refused).toBeGreaterThan(listed.calls);
});

test('6: did the failure memory help? What it answered, and what its caller did next', async () => {
  const text = await tenant('calls', 'acme', '--tool', 'scar_check');
  expect(text).toMatch(/scar_check +(?:stop|caution) /);
  expect(await tenant('trace', 'acme', await runOf('planner'))).toMatch(/scar_check (?:.*\n)+.*scar_lookup/);
});

test('7: what did the cache save?', async () => {
  const { total } = JSON.parse(await tenant('usage', 'acme', '--by', 'day', '--json'));
  expect(total.saved_usd).toBe(0.5);
});

test('8: is this token still used, and by whom? It is revoked, and beta-bot goes on', async () => {
  const { tokens: listed } = JSON.parse(await tenant('tokens', 'acme', '--json'));
  const runaway = listed.find(({ label }: { label: string }) => label === 'runaway');
  expect(runaway.last_used).toMatchObject({ client: 'beta-bot', refused: expect.any(Number) });
  expect(runaway.revoked_at).toEqual(expect.any(String));
  expect(await tenant('calls', 'acme', '--code', 'invalid_token')).toMatch(/invalid_token .*runaway/);
});

test('9: what was the error with this id? The tool, its caller, and what came next', async () => {
  const text = (await tenant('explain', 'acme', errorId)).replaceAll('\n', ' ');
  expect(text).toMatch(/alpha-ide 1\.0\.0 with token \w+ \(planner\) over mcp called scar_lookup/);
  expect(text).toContain(`It failed with internal`);
  expect(text).toContain(`under error id ${errorId}`);
  expect(text).toMatch(/Next in run \d+ .* it called cache_set/);
});

test('10: who overwrote whom, in which order? ann, bob, and ann met a conflict', async () => {
  const text = await tenant('calls', 'acme', '--key', 'plan', '--tool', 'blackboard_write');
  expect(text).toMatch(/created .*planner\/ann\n.*updated .*worker\/bob\n.*conflict .*planner\/ann/);
});

test('11: are we losing telemetry? What was dropped would have a counter', async () => {
  expect(await metrics()).not.toMatch(/bulkhead_(?:spans|records)_dropped_total/);
});

test('12: has anybody touched the records? Nobody has, and an export shows it without the server', async () => {
  expect(await tenant('verify', 'acme')).toMatch(/^intact: records 1 to \d+/);
  await tenant('export', 'acme', '--out', 'records.ndjson.gz');
  const lines = gunzipSync(readFileSync(join(checkout.dir, 'records.ndjson.gz')))
    .toString()
    .trim()
    .split('\n');
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ kind: 'export', tenant: 'acme', first_record: 1 });
  const again = await checkout.run(cli('tenant', 'export', 'acme', '--out', 'records.ndjson.gz'));
  expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('exists already') });
  expect(await tenant('verify', '--file', 'records.ndjson.gz')).toMatch(
    /^intact: records 1 to \d+ of acme\. Signed up to \d+ /,
  );
  const toBucket = await checkout.run(cli('tenant', 'export', 'acme', '--to-bucket'));
  expect(toBucket).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('No R2 bucket is bound as RECORDS'),
  });
});

test('and what happens now is shown as it happens', async () => {
  const child = spawn(
    'node',
    ['src/cli/run.mjs', 'tenant', 'calls', 'acme', '--follow', '--json', '--limit', '1'],
    {
      cwd: checkout.dir,
    },
  );
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  try {
    const before = JSON.parse((await lines.next()).value ?? '');
    const planner = await agent('alpha-ide', tokenOf('planner'));
    await planner('blackboard_read', { run_id: 'release-42', key: 'plan' });
    const call = JSON.parse((await lines.next()).value ?? '');
    expect(call).toMatchObject({ tool: 'blackboard_read', token_label: 'planner', client: 'alpha-ide' });
    expect(call.id).toBeGreaterThan(before.id);
  } finally {
    child.kill();
  }
});
