import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { INITIALIZE } from '../support/local-process.ts';
import { Checkout, cli, freePort } from '../support/node-cli.ts';

/** A start takes seconds, so these tests share one folder and follow each other. */
const SLOW_MS = 180_000;
const READY = 'Ctrl-C stops the server.';
const COMMAND = 'node src/cli/run.mjs start';

let checkout: Checkout;
let port: number;
beforeAll(async () => {
  checkout = new Checkout();
  port = await freePort();
});
afterAll(() => checkout.remove());

const isHealthy = () =>
  fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(1000) }).then(
    ({ ok }) => ok,
    () => false,
  );

function kill(pids: readonly number[], signal: NodeJS.Signals = 'SIGKILL'): void {
  expect(pids.length).toBeGreaterThan(0);
  for (const pid of pids) process.kill(pid, signal);
}

/** The process of the command itself, without the shell in which npm runs it. */
function commandProcesses(): number[] {
  const shells = checkout.processes(`-c ${COMMAND}`);
  return checkout.processes(COMMAND).filter((pid) => !shells.includes(pid));
}

test(
  'of two starts at once exactly one wins',
  async () => {
    const both = [checkout.starting(port), checkout.starting(await freePort())];
    const refused = await Promise.race(both.map((started) => started.ended.then(() => started)));
    expect(refused.stderr).toMatch(/^A server already runs on the data of this folder/m);
    expect(await refused.ended).toBe(1);
    const winner = both.find((started) => started !== refused);
    await winner?.until(READY);
    await winner?.stop('SIGINT');
  },
  SLOW_MS,
);

// Which processes there are is known on Linux only.
describe.runIf(process.platform === 'linux')('nothing is left behind, and the next start takes over', () => {
  test.each([
    ['npm is killed', 'SIGKILL', (npm: number) => [npm]],
    ['the command that npm runs is killed', 'SIGKILL', commandProcesses],
    ['the development server is killed', 'SIGKILL', () => checkout.processes('dev-server.ts')],
    ['npm alone is told to end', 'SIGTERM', (npm: number) => [npm]],
  ] as const)(
    'when %s',
    async (_, signal, victims) => {
      const server = await checkout.start(port);
      expect(server.stderr).toBe('');
      kill(victims(server.pid), signal);
      await expect.poll(() => checkout.processes(), { timeout: SLOW_MS }).toEqual([]);
      await server.ended;
      expect(await isHealthy()).toBe(false);
    },
    SLOW_MS,
  );
});

test.runIf(process.platform === 'linux')(
  'npm run stdio ends when npm is told to end, although its input is still open',
  async () => {
    const data = join(checkout.dir, 'data');
    const npm = spawn('npm', ['run', '-s', 'stdio', '--', '--data', data], { cwd: checkout.dir });
    npm.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, ...INITIALIZE })}\n`);
    await once(npm.stdout, 'data');
    npm.kill('SIGTERM');
    await once(npm, 'close');
    expect(checkout.processes()).toEqual([]);
  },
  SLOW_MS,
);

const TENANT = '/admin/tenants/demo';
const CELL = { run_id: 'killed', key: 'sum' };
const INCREMENT = { ...CELL, value: 1, mode: 'increment' };

/** Asks the server of the folder, as the operator unless a token is given. */
async function ask(method: string, path: string, body: object, token?: string) {
  const [, adminKey] =
    /^ADMIN_KEY="?([^"\n]+)/m.exec(readFileSync(join(checkout.dir, '.dev.vars'), 'utf8')) ?? [];
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: { authorization: `Bearer ${token ?? adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return z.record(z.string(), z.json()).parse(await response.json());
}

test.runIf(process.platform === 'linux')(
  'a crash of workerd is reported, and the server serves again with its data; an approved call that was redeemed meanwhile runs once',
  async () => {
    const server = await checkout.start(port);
    const token = String((await ask('POST', `${TENANT}/tokens`, {})).token);
    const call = (tool: string, args: object) => ask('POST', `/v1/tools/${tool}`, args, token);
    await ask('PATCH', `${TENANT}/policy`, { tool: 'blackboard_write', approval: true });
    const { approval_id } = await call('blackboard_write', INCREMENT);
    await ask('POST', `${TENANT}/approvals/${approval_id}`, { decision: 'approve' });
    const tokens = async () => (await checkout.run(cli('tenant', 'tokens', 'demo', '--json'))).stdout;
    const before = await tokens();
    expect(JSON.parse(before).tokens.length).toBeGreaterThan(0);
    const redeeming = Array.from({ length: 4 }, () =>
      call('tenant_approval', { approval_id }).then(
        ({ status }) => status,
        () => 'no answer',
      ),
    );
    // The first process is the proxy. wrangler restarts it, but it would never answer again.
    kill(checkout.processes('workerd serve'));
    for (const status of await Promise.all(redeeming)) expect(['done', 'no answer']).toContain(status);
    await expect.poll(() => server.stderr, { timeout: SLOW_MS }).toContain('The server is ready again.');
    expect(server.stderr).toContain('The Workers runtime (workerd) crashed. Restarting the server.');
    expect(await isHealthy()).toBe(true);
    expect(await tokens()).toBe(before);
    expect(await call('tenant_approval', { approval_id })).toMatchObject({
      status: 'done',
      answer: { status: 'created' },
    });
    expect(await call('blackboard_read', CELL)).toMatchObject({ entries: [{ value: 1 }] });
  },
  SLOW_MS,
);
