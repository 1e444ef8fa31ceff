import { readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { callHeaders } from '../../src/cli/connect.ts';
import { startHostileServer } from '../support/hostile-server.ts';
import { Checkout, cli, expectSentence, freePort, type Started } from '../support/node-cli.ts';

const EXPLORER = ['/cdn-cgi/explorer', '/cdn-cgi/explorer/api/d1/database', '/cdn-cgi/local/explorer'];

/** The ports of the loopback interface on which processes listen, on Linux. See proc_net_tcp(5). */
function listeningPorts(pids: readonly number[]): number[] {
  if (pids.length === 0) return [];
  const sockets = new Set(pids.flatMap((pid) => readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(pid, fd))));
  const rows = readFileSync('/proc/net/tcp', 'utf8').trim().split('\n').slice(1);
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === '0A' && sockets.has(`socket:[${inode}]`))
    .map(([, local = '']) => Number.parseInt(local.split(':')[1] ?? '', 16));
}

function linkOf(pid: number, fd: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`);
  } catch {
    return '';
  }
}

describe('a started server', () => {
  let checkout: Checkout;
  let port: number;
  let server: Started;
  let url: string;
  const at = (name: string) => join(checkout.dir, name);
  const modeOf = (name: string) => statSync(at(name)).mode & 0o777;
  const tokenIn = (output: string) => /Token +(\S+)/.exec(output)?.[1] ?? '';

  beforeAll(async () => {
    checkout = new Checkout();
    port = await freePort();
    url = `http://127.0.0.1:${port}`;
    server = await checkout.start(port);
  });
  afterAll(() => checkout.remove());

  /** The one document that a command prints with `--json`. */
  async function tenant<T>(schema: z.ZodType<T>, ...args: string[]): Promise<T> {
    const ended = await checkout.run(cli('tenant', ...args, '--json'));
    expect(ended.stderr).toBe('');
    expect(ended.code).toBe(0);
    return schema.parse(JSON.parse(ended.stdout));
  }

  test('the first start makes secrets that only their owner reads', () => {
    expect(server.stdout).toContain('.dev.vars was created');
    expect(modeOf('.dev.vars')).toBe(0o600);
    expect(modeOf('.bulkhead/demo-token.json')).toBe(0o600);
    const secrets = readFileSync(at('.dev.vars'), 'utf8');
    expect(secrets).toMatch(/^TOKEN_KEYS=k1:[\w-]{43}\nADMIN_KEY=[\w-]{43}\nCONNECTION_KEYS=c1:[\w-]{43}\n$/);
    for (const [, secret = ''] of secrets.matchAll(/([\w-]{43})$/gm))
      expect(server.stdout).not.toContain(secret);
  });

  test('the curl line works as it is printed, and the call is logged', async () => {
    const [line] = /^curl .*$/m.exec(server.stdout) ?? [];
    expect(line).toBeDefined();
    const logged = server.stdout.length;
    const { stdout, code } = await checkout.run(['sh', '-c', line ?? 'false']);
    expect(code).toBe(0);
    const answer = z.object({ result: z.object({ structuredContent: z.object({ status: z.string() }) }) });
    expect(answer.parse(JSON.parse(stdout)).result.structuredContent.status).toBe('created');
    await expect.poll(() => server.stdout.slice(logged)).toContain('"tool":"blackboard_write"');
    const lines = server.stdout.slice(server.stdout.indexOf('Ctrl-C')).split('\n').slice(1);
    for (const text of lines.filter((text) => text !== '')) {
      expect(JSON.parse(text)).toMatchObject({ event: expect.any(String), level: expect.any(String) });
    }
    expect(server.stdout.slice(logged)).not.toContain(tokenIn(server.stdout));
  });

  test('connections are managed from the shell, and what is behind them is bounded in workerd too', async () => {
    const service = await startHostileServer();
    const secret = at('secret');
    writeFileSync(secret, 'CANARY-OF-THE-SHELL\n');
    const set = async (path: string) =>
      tenant(
        z.object({ name: z.literal('crm'), url: z.string(), breaker: z.literal('closed') }),
        ...['connection', 'set', 'demo', 'crm', '--kind', 'http', '--url', `${service.url}${path}`],
        ...['--header', 'X-Service-Key', '--secret-file', secret],
      );
    const answer = z.object({
      reachable: z.boolean(),
      status: z.int().optional(),
      problem: z.string().optional(),
    });
    const tried = async (path: string) => {
      await set(path);
      const { stdout, code } = await checkout.run(
        cli('tenant', 'connection', 'test', 'demo', 'crm', '--json'),
      );
      const { reachable, status, problem = '' } = answer.parse(JSON.parse(stdout));
      expect(code).toBe(reachable ? 0 : 1);
      return status ?? problem;
    };
    try {
      expect(await tried('ok/')).toBe(200);
      expect(await tried('redirect/')).toContain('redirects to another address');
      expect(await tried('endless/')).toContain('larger than 2 MiB');
      expect(await tried('bomb/')).toContain('larger than 2 MiB');
      expect(await tried('flood/')).toContain('cannot be reached');
      const authorized = await tenant(
        z.object({ oauth: z.object({ grant: z.string(), client_auth: z.string() }) }),
        ...['connection', 'set', 'demo', 'erp', '--kind', 'http', '--url', `${service.url}ok/`],
        ...['--oauth', 'client_credentials', '--token-url', service.url.replace('/api/', '/login/token')],
        ...['--client-id', 'bulkhead', '--secret-file', secret],
      );
      expect(authorized.oauth).toEqual({ grant: 'client_credentials', client_auth: 'client_secret_basic' });
      expect(await checkout.run(cli('tenant', 'connection', 'test', 'demo', 'erp'))).toMatchObject({
        code: 0,
      });
      expect(service.asked).toContain('/login/token');
      await checkout.run(cli('tenant', 'connection', 'remove', 'demo', 'erp'));
      const rotated = ['npm', 'run', '-s', 'tenant', '--', 'connection', 'rotate', 'demo', 'crm'];
      const piped = await checkout.run(['sh', '-c', `printf 'CANARY-2' | ${rotated.join(' ')}`]);
      expect(piped).toMatchObject({ code: 0, stdout: expect.stringContaining('never shown') });
      const removed = await checkout.run(cli('tenant', 'connection', 'remove', 'demo', 'crm'));
      expect(removed.stdout).toContain('removed');
      expect(
        await tenant(z.object({ connections: z.array(z.unknown()) }), 'connection', 'list', 'demo'),
      ).toEqual({
        connections: [],
      });
      expect(server.stdout + piped.stdout + removed.stdout).not.toContain('CANARY');
    } finally {
      await service.stop();
    }
  });

  test('tenants are managed from the shell', async () => {
    const limit = z.object({ rate: z.number(), burst: z.number() });
    const shown = z.object({
      id: z.string(),
      status: z.string(),
      limits: z.object({ tenant: limit, tool: limit, tools: z.record(z.string(), limit) }),
    });
    expect(await tenant(shown, 'create', 'acme')).toMatchObject({ id: 'acme', status: 'active' });
    expectSentence(await checkout.run(cli('tenant', 'create', 'acme')), /exists already/);
    const listed = await tenant(z.object({ tenants: z.array(z.object({ id: z.string() })) }), 'list');
    expect(listed.tenants.map(({ id }) => id)).toEqual(['acme', 'demo']);

    const limited = await tenant(
      shown,
      'limits',
      'acme',
      '--tool',
      'cache_get',
      '--set',
      'rate=5',
      'burst=9',
    );
    expect(limited.limits.tools).toEqual({ cache_get: { rate: 5, burst: 9 } });
    expect(await tenant(shown, 'suspend', 'acme')).toMatchObject({ status: 'suspended' });
    expect(await tenant(shown, 'resume', 'acme')).toMatchObject({ status: 'active' });
    expect((await tenant(shown, 'show', 'acme')).limits).toEqual(limited.limits);
    const text = await checkout.run(['npm', 'run', '-s', 'tenant', '--', 'show', 'acme']);
    expect(text.stdout).toMatch(/^cache_get +5 +9$/m);
    expect(text.stdout).toMatch(/^clients +0 sessions, 0 open streams$/m);
    const clients = z.object({ clients: z.object({ sessions: z.literal(0), open_streams: z.literal(0) }) });
    await tenant(clients, 'show', 'acme');
    const unset = await tenant(shown, 'limits', 'acme', '--tool', 'cache_get', '--unset');
    expect(unset.limits).toEqual({ ...limited.limits, tools: {} });
  });

  test('tokens are issued once, listed and revoked', async () => {
    await tenant(z.object({}), 'create', 'tokens');
    const issued = await tenant(
      z.strictObject({
        tenant: z.literal('tokens'),
        token_id: z.string(),
        token: z.string(),
        scopes: z.array(z.string()),
        expires_at: z.iso.datetime(),
        url: z.string(),
      }),
      ...['token', 'tokens', '--scope', 'cache:read,scar:read', '--ttl', '2h', '--label', 'ci'],
    );
    expect([...issued.scopes].sort()).toEqual(['cache:read', 'scar:read']);
    expect(issued.url).toBe(`${url}/mcp`);
    expect((Date.parse(issued.expires_at) - Date.now()) / 3_600_000).toBeCloseTo(2, 1);

    const tokens = await checkout.run(cli('tenant', 'tokens', 'tokens', '--json'));
    expect(tokens.stdout).not.toContain(issued.token);
    expect(JSON.parse(tokens.stdout)).toMatchObject({
      tokens: [{ token_id: issued.token_id, label: 'ci', revoked_at: null }],
    });
    const revoked = await tenant(z.object({ revoked_at: z.string() }), 'revoke', 'tokens', issued.token_id);
    expect(Date.parse(revoked.revoked_at)).not.toBeNaN();

    expectSentence(await checkout.run(cli('tenant', 'delete', 'tokens')), /--yes/, 2);
    expect(await tenant(z.object({ status: z.string() }), 'delete', 'tokens', '--yes')).toEqual({
      status: 'deleted',
    });
    const gone = await checkout.run(cli('tenant', 'show', 'tokens', '--json'));
    expectSentence(gone, /no such tenant/);
    expect(JSON.parse(gone.stdout)).toMatchObject({ error: { code: 'not_found' } });
  });

  test('the scopes of a token are changed from its next call on', async () => {
    await tenant(z.object({}), 'create', 'scoped');
    const issued = await tenant(
      z.object({ token_id: z.string(), token: z.string() }),
      ...['token', 'scoped', '--scope', 'cache:read'],
    );
    const readCell = async () => {
      const response = await fetch(`${url}/mcp`, {
        method: 'POST',
        headers: callHeaders({ url, token: issued.token }),
        body: JSON.stringify({
          jsonrpc: '2.0',
          id: 1,
          method: 'tools/call',
          params: { name: 'blackboard_read', arguments: { key: 'a' } },
        }),
      });
      return response.text();
    };
    expect(await readCell()).not.toContain('structuredContent');
    const changed = z.object({ tokens: z.tuple([z.object({ scopes: z.array(z.string()) })]) });
    const change = (...args: string[]) => tenant(changed, 'scopes', 'scoped', issued.token_id, ...args);
    const [{ scopes }] = (await change('--add', 'blackboard:read', '--remove', 'scar:read')).tokens;
    expect(scopes).toEqual(['blackboard:read', 'cache:read']);
    expect(await readCell()).toContain('structuredContent');
    await change('--remove', 'blackboard:read');
    expect(await readCell()).not.toContain('structuredContent');
    const all = await checkout.run(
      cli('tenant', 'scopes', 'scoped', issued.token_id, '--remove', 'cache:read'),
    );
    expectSentence(all, /a token needs at least one scope\. Revoke/);
  });

  test('the operator’s key is needed and never shown', async () => {
    const wrong = await checkout.run(cli('tenant', 'list'), { BULKHEAD_ADMIN_KEY: 'x'.repeat(40) });
    expectSentence(wrong, /admin key/);
    expect(wrong.stdout + wrong.stderr).not.toContain('x'.repeat(40));
  });

  test('the demo holds', async () => {
    const { code, stdout, stderr } = await checkout.run(['npm', 'run', '-s', 'demo']);
    expect(stdout.split('\n').filter((line) => line.includes('✗'))).toEqual([]);
    expect(stderr).toBe('');
    expect(stdout).not.toContain('\u001b');
    expect(stdout).toMatch(/All \d+ checks passed\./);
    expect(code).toBe(0);
  });

  test('a second start on the same data is refused and names the first, whatever its port', async () => {
    for (const second of [port, await freePort()]) {
      const refused = await checkout.run(cli('start', '--port', String(second)));
      expectSentence(
        refused,
        new RegExp(`A server already runs .*: process \\d+, at ${url}\\. Use that one`),
      );
    }
    // The address of the first is still the one that is remembered.
    expect((await checkout.run(cli('tenant', 'list'))).code).toBe(0);
    const [, pid = ''] = /process (\d+)/.exec((await checkout.run(cli('start'))).stderr) ?? [];
    if (process.platform === 'linux') expect(checkout.processes('run.mjs start')).toContain(Number(pid));
  });

  test('neither the local explorer nor an inspector is there for every process of the machine', async () => {
    for (const path of EXPLORER) expect((await fetch(`${url}${path}`)).status, path).toBe(404);
    for (const other of listeningPorts(checkout.processes())) {
      const answer = await fetch(`http://127.0.0.1:${other}/json/list`, { signal: AbortSignal.timeout(5000) })
        .then((response) => response.text())
        .catch(() => '');
      expect(answer, `port ${other}`).not.toContain('webSocketDebuggerUrl');
    }
  });

  test('Ctrl-C leaves no process, and the next start keeps the secrets and the token', async () => {
    if (process.platform === 'linux') expect(checkout.processes().length).toBeGreaterThan(3);
    const before = readFileSync(at('.dev.vars'));
    const token = tokenIn(server.stdout);
    await server.stop('SIGINT');
    expect(server.stderr).toBe('');
    expect(checkout.processes()).toEqual([]);
    await expect(fetch(`${url}/health`)).rejects.toThrow();
    const stopped = await checkout.run(cli('demo'));
    expectSentence(stopped, new RegExp(`No server answers at ${url}\\. That is where .npm start. ran last`));

    server = await checkout.start(port, '--explorer');
    expect(readFileSync(at('.dev.vars'))).toEqual(before);
    expect(modeOf('.dev.vars')).toBe(0o600);
    expect(tokenIn(server.stdout)).toBe(token);
    expect(server.stderr).toContain('The local explorer is on');
    for (const path of EXPLORER) expect((await fetch(`${url}${path}`)).status, path).toBe(200);
    await server.stop('SIGTERM');
    expect(checkout.processes()).toEqual([]);
  });
});
