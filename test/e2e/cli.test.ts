import { existsSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { Checkout, type Ended, freePort, type Started } from '../support/node-cli.ts';

const STACK = /\n\s+at /;
const node = (command: string, ...args: string[]) =>
  ['node', 'src/cli/run.mjs', command, ...args] as [string, ...string[]];

/** A refusal: one sentence on stderr and no stack. */
function expectSentence(ended: Ended, sentence: RegExp, code = 1): void {
  expect(ended.stderr).toMatch(sentence);
  expect(ended.stderr).not.toMatch(STACK);
  expect(ended.stderr.trim().split('\n')).toHaveLength(1);
  expect(ended.code).toBe(code);
}

describe('what cannot start says so', () => {
  let checkout: Checkout;
  beforeAll(() => {
    checkout = new Checkout();
  });
  afterAll(() => checkout.remove());

  test('without an admin key, without a server, without a known command', async () => {
    expectSentence(
      await checkout.run(node('tenant', 'list')),
      /There is no admin key: set BULKHEAD_ADMIN_KEY/,
    );
    const BULKHEAD_URL = `http://127.0.0.1:${await freePort()}`;
    const env = { BULKHEAD_URL, BULKHEAD_ADMIN_KEY: 'k'.repeat(32) };
    const refused = await checkout.run(node('tenant', 'list', '--json'), env);
    expectSentence(refused, /No server answers at .*npm start.*BULKHEAD_URL/);
    expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: 'unreachable' } });
    expectSentence(await checkout.run(node('demo'), env), /No server answers at/);
    expectSentence(await checkout.run(node('tenant', 'destroy'), env), /There is no command destroy/, 2);
    const usage = await checkout.run(node('tenant'), env);
    expect(usage.stderr).toContain('limits ID --set rate=50 burst=200');
    expect(usage.code).toBe(2);
  });

  test('on a port that is taken or is none', async () => {
    const other = createServer();
    const port = await new Promise<number>((resolve) => {
      other.listen(0, '127.0.0.1', () => {
        const address = other.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    const taken = await checkout.run(node('start'), { PORT: String(port) });
    other.close();
    expectSentence(taken, new RegExp(`Port ${port} is taken; .*PORT=\\d+ npm start`));
    expectSentence(await checkout.run(node('start'), { PORT: '65536' }), /PORT must be/);
    expect(existsSync(join(checkout.dir, '.dev.vars'))).toBe(false);
  });

  test('with a setting that is wrong', async () => {
    const secrets = `TOKEN_KEYS=k1:${'A'.repeat(43)}\nADMIN_KEY=${'a'.repeat(43)}\n`;
    const start = async (vars: string) => {
      writeFileSync(join(checkout.dir, '.dev.vars'), vars, { mode: 0o600 });
      return checkout.run(node('start'), { PORT: String(await freePort()) });
    };
    expectSentence(
      await start(`${secrets}TENANT_BURST=many\n`),
      /^TENANT_BURST must be a whole number from 1 to \d+; set it under \[vars\] in wrangler.toml, or in .dev.vars\.$/m,
    );
    expectSentence(await start('ADMIN_KEY=short\n'), /TOKEN_KEYS must be .* ADMIN_KEY must be 32 or more/);
  });

  test('without the files of the project', async () => {
    const elsewhere: [string, ...string[]] = ['sh', '-c', 'cd src && node cli/run.mjs start'];
    expectSentence(await checkout.run(elsewhere), /wrangler.toml is missing here/);
  });

  test('with a Node that cannot run TypeScript, and before `npm ci`', async () => {
    const old = await checkout.run(['node', '--no-experimental-strip-types', 'src/cli/run.mjs', 'start']);
    expectSentence(old, /needs Node 22\.18 or later, and this is Node \d/);
    unlinkSync(join(checkout.dir, 'node_modules'));
    expectSentence(await checkout.run(node('start')), /run `npm ci` first/);
  });
});

describe('a started server', () => {
  let checkout: Checkout;
  let port: number;
  let server: Started;
  let env: { BULKHEAD_URL: string };
  const at = (name: string) => join(checkout.dir, name);
  const modeOf = (name: string) => statSync(at(name)).mode & 0o777;
  const tokenIn = (output: string) => /Token +(\S+)/.exec(output)?.[1] ?? '';

  beforeAll(async () => {
    checkout = new Checkout();
    port = await freePort();
    env = { BULKHEAD_URL: `http://127.0.0.1:${port}` };
    server = await checkout.start(port);
  });
  afterAll(() => checkout.remove());

  /** The one document that a command prints with `--json`. */
  async function tenant<T>(schema: z.ZodType<T>, ...args: string[]): Promise<T> {
    const ended = await checkout.run(node('tenant', ...args, '--json'), env);
    expect(ended.stderr).toBe('');
    expect(ended.code).toBe(0);
    return schema.parse(JSON.parse(ended.stdout));
  }

  test('the first start makes secrets that only their owner reads', () => {
    expect(server.stdout).toContain('.dev.vars was made');
    expect(modeOf('.dev.vars')).toBe(0o600);
    expect(modeOf('.bulkhead/demo-token.json')).toBe(0o600);
    const secrets = readFileSync(at('.dev.vars'), 'utf8');
    expect(secrets).toMatch(/^TOKEN_KEYS=k1:[\w-]{43}\nADMIN_KEY=[\w-]{43}\n$/);
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

  test('tenants are managed from the shell', async () => {
    const limit = z.object({ rate: z.number(), burst: z.number() });
    const shown = z.object({
      id: z.string(),
      status: z.string(),
      limits: z.object({ tenant: limit, tool: limit, tools: z.record(z.string(), limit) }),
    });
    expect(await tenant(shown, 'create', 'acme')).toMatchObject({ id: 'acme', status: 'active' });
    expectSentence(await checkout.run(node('tenant', 'create', 'acme'), env), /exists already/);
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
    const text = await checkout.run(['npm', 'run', '-s', 'tenant', '--', 'show', 'acme'], env);
    expect(text.stdout).toMatch(/^cache_get +5 +9$/m);
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
    expect(issued.url).toBe(`${env.BULKHEAD_URL}/mcp`);
    expect((Date.parse(issued.expires_at) - Date.now()) / 3_600_000).toBeCloseTo(2, 1);

    const tokens = await checkout.run(node('tenant', 'tokens', 'tokens', '--json'), env);
    expect(tokens.stdout).not.toContain(issued.token);
    expect(JSON.parse(tokens.stdout)).toMatchObject({
      tokens: [{ token_id: issued.token_id, label: 'ci', revoked_at: null }],
    });
    const revoked = await tenant(z.object({ revoked_at: z.string() }), 'revoke', 'tokens', issued.token_id);
    expect(Date.parse(revoked.revoked_at)).not.toBeNaN();

    expectSentence(await checkout.run(node('tenant', 'delete', 'tokens'), env), /--yes/, 2);
    expect(await tenant(z.object({ status: z.string() }), 'delete', 'tokens', '--yes')).toEqual({
      status: 'deleted',
    });
    const gone = await checkout.run(node('tenant', 'show', 'tokens', '--json'), env);
    expectSentence(gone, /no such tenant/);
    expect(JSON.parse(gone.stdout)).toMatchObject({ error: { code: 'not_found' } });
  });

  test('the operator’s key is needed and never shown', async () => {
    const wrong = await checkout.run(node('tenant', 'list'), { ...env, BULKHEAD_ADMIN_KEY: 'x'.repeat(40) });
    expectSentence(wrong, /admin key/);
    expect(wrong.stdout + wrong.stderr).not.toContain('x'.repeat(40));
  });

  test('the demo holds', async () => {
    const { code, stdout, stderr } = await checkout.run(['npm', 'run', '-s', 'demo'], env);
    expect(stdout.split('\n').filter((line) => line.includes('✗'))).toEqual([]);
    expect(stderr).toBe('');
    expect(stdout).not.toContain('\u001b');
    expect(stdout).toMatch(/All \d+ checks passed\./);
    expect(code).toBe(0);
  });

  test('Ctrl-C leaves no process, and the next start keeps the secrets and the token', async () => {
    if (process.platform === 'linux') expect(checkout.processes().length).toBeGreaterThan(3);
    const before = readFileSync(at('.dev.vars'));
    const token = tokenIn(server.stdout);
    expect(await server.stop('SIGINT')).toBe(0);
    expect(checkout.processes()).toEqual([]);
    await expect(fetch(`${env.BULKHEAD_URL}/health`)).rejects.toThrow();

    server = await checkout.start(port);
    expect(readFileSync(at('.dev.vars'))).toEqual(before);
    expect(modeOf('.dev.vars')).toBe(0o600);
    expect(tokenIn(server.stdout)).toBe(token);
    expect(await server.stop('SIGTERM')).toBe(0);
    expect(checkout.processes()).toEqual([]);
  });
});
