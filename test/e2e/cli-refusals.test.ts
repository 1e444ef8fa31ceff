import { existsSync, unlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Checkout, cli, expectSentence, freePort, nodeVersion } from '../support/node-cli.ts';

describe('what cannot start says so', () => {
  let checkout: Checkout;
  beforeAll(() => {
    checkout = new Checkout();
  });
  afterAll(() => checkout.remove());

  test('without an admin key, without a server, without a known command', async () => {
    expectSentence(
      await checkout.run(cli('tenant', 'list')),
      /There is no admin key\. Set BULKHEAD_ADMIN_KEY/,
    );
    const BULKHEAD_URL = `http://127.0.0.1:${await freePort()}`;
    const env = { BULKHEAD_URL, BULKHEAD_ADMIN_KEY: 'k'.repeat(32) };
    const refused = await checkout.run(cli('tenant', 'list', '--json'), env);
    expectSentence(refused, /No server answers at .*BULKHEAD_URL/);
    expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: 'unreachable' } });
    const demo = await checkout.run(cli('demo'), env);
    expectSentence(demo, /No server answers at/);
    expect(demo.stdout).toBe('');
    expectSentence(await checkout.run(cli('tenant', 'destroy'), env), /There is no command destroy/, 2);
    const usage = await checkout.run(cli('tenant'), env);
    expect(usage.stderr).toContain('--set rate=50 burst=200');
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
    const taken = await checkout.run(cli('start'), { PORT: String(port) });
    other.close();
    expectSentence(taken, new RegExp(`Port ${port} is taken\\. .*npm start -- --port \\d+`));
    expectSentence(await checkout.run(cli('start'), { PORT: '65536' }), /PORT must be/);
    expect(existsSync(join(checkout.dir, '.dev.vars'))).toBe(false);
  });

  test('with a setting that is wrong', async () => {
    const secrets = `TOKEN_KEYS=k1:${'A'.repeat(43)}\nADMIN_KEY=${'a'.repeat(43)}\n`;
    const start = async (vars: string) => {
      writeFileSync(join(checkout.dir, '.dev.vars'), vars, { mode: 0o600 });
      return checkout.run(cli('start'), { PORT: String(await freePort()) });
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

  test('and help is printed on stdout by every command', async () => {
    const commands: [string, ...string[]][] = [
      ['tenant', '--help'],
      ['tenant', 'token', '--help'],
      ['start', '--help'],
      ['demo', '-h'],
      ['catalogue', '--help'],
      ['stdio', '--help'],
    ];
    for (const args of commands) {
      const { code, stdout, stderr } = await checkout.run(cli(...args));
      expect([code, stderr], args.join(' ')).toEqual([0, '']);
      expect(stdout).toMatch(args[0] === 'stdio' ? /^Serves MCP/ : /^Usage: npm /);
    }
    expectSentence(await checkout.run(cli('demo', '--fast')), /--fast is not an option here/, 2);
    expectSentence(await checkout.run(cli('start', '--fast')), /Unknown option '--fast'/, 2);
  });

  test('with a Node that cannot run TypeScript, and before `npm ci`', async () => {
    const startWith = (option: string) => checkout.run(['node', option, 'src/cli/run.mjs', 'start']);
    for (const version of ['20.20.2', '22.18.0', '24.15.0']) {
      expectSentence(
        await startWith(`--import=${nodeVersion(version)}`),
        new RegExp(`needs Node 24\\.16 or later, and this is Node ${version}\\. Install`),
      );
    }
    expectSentence(
      await startWith('--no-experimental-strip-types'),
      /TypeScript support of Node, which is turned off/,
    );
    unlinkSync(join(checkout.dir, 'node_modules'));
    expectSentence(await checkout.run(cli('start')), /Run `npm ci` first/);
  });
});
