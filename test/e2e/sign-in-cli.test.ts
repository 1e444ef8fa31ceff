import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { callHeaders } from '../../src/cli/connect.ts';
import { Checkout, cli, expectSentence, freePort, type Started } from '../support/node-cli.ts';
import { Browser, HandClient, tokensOf } from '../support/oauth-person.ts';

/** Members, from the operator's commands to a client that a member has allowed, on a server that `npm start` started. */
describe('a started server', () => {
  let checkout: Checkout;
  let server: Started;
  let url: string;
  let port: number;

  beforeAll(async () => {
    checkout = new Checkout();
    port = await freePort();
    url = `http://127.0.0.1:${port}`;
    server = await checkout.start(port);
  });
  afterAll(() => checkout.remove());

  async function tenant<T>(schema: z.ZodType<T>, ...args: string[]): Promise<T> {
    const ended = await checkout.run(cli('tenant', ...args, '--json'));
    expect(ended.stderr).toBe('');
    return schema.parse(JSON.parse(ended.stdout));
  }
  const keyIn = (output: string) => /^bhk_\S+$/m.exec(output)?.[0] ?? '';
  const statusOf = async (token: string) => {
    const response = await fetch(`${url}/mcp`, {
      method: 'POST',
      headers: callHeaders({ url, token }),
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }),
    });
    await response.body?.cancel();
    return response.status;
  };

  test('prints the key of the demo member, with which a client needs no header, under each name of this machine', async () => {
    expect(server.stdout).toContain(`claude mcp add --transport http bulkhead ${url}/mcp\n`);
    for (const origin of [url, `http://localhost:${port}`]) {
      const client = await HandClient.register(origin, fetch, {
        redirect_uris: ['http://localhost/callback'],
      });
      const asked = { redirect_uri: 'http://localhost:43117/callback' };
      const page = await new Browser(origin, fetch).open(client.authorizeUrl(asked));
      expect(page.text).toContain('a program on this machine ( localhost )');
      const code = await client.code(new Browser(origin, fetch), keyIn(server.stdout), asked);
      const redeemed = await client.redeem(code, { redirect_uri: asked.redirect_uri });
      expect(await statusOf((await tokensOf(redeemed)).access_token)).toBe(200);
    }
    const saved = join(checkout.dir, '.bulkhead/demo-member.json');
    expect(statSync(saved).mode & 0o777).toBe(0o600);
    expect(readFileSync(saved, 'utf8')).toContain(keyIn(server.stdout));
  });

  test('members and their grants are managed from the shell', async () => {
    const keyed = z.object({ member_id: z.string(), key: z.string(), scopes: z.array(z.string()) });
    await tenant(z.object({}), 'create', 'acme');
    const ann = await tenant(keyed, 'member', 'add', 'acme', '--name', 'Ann', '--scope', 'cache:read');
    expect(ann.scopes).toEqual(['cache:read']);
    const renewed = await tenant(keyed, 'member', 'key', 'acme', ann.member_id);
    expect(renewed.key).not.toBe(ann.key);
    const client = await HandClient.register(url, fetch);
    const tokens = await client.tokens(new Browser(url, fetch), renewed.key);
    const shown = await checkout.run(cli('tenant', 'grants', 'acme'));
    expect(shown.stdout).toMatch(/^\w{24} +client\.example +Test client +\w+ .* cache:read$/m);
    expect((await checkout.run(cli('tenant', 'members', 'acme'))).stdout).toMatch(
      /^\w+ +Ann +never +cache:read$/m,
    );
    expect(await statusOf(tokens.access_token)).toBe(200);
    await tenant(z.object({ name: z.literal('Ann') }), 'member', 'remove', 'acme', ann.member_id);
    expect(await statusOf(tokens.access_token)).toBe(401);
    expectSentence(
      await checkout.run(cli('tenant', 'member', 'remove', 'acme', ann.member_id)),
      /no such member/,
    );
    expect(await tenant(z.object({ grants: z.array(z.unknown()) }), 'grants', 'acme')).toEqual({
      grants: [],
    });
  });

  test('a client that the operator has registered is shown as such', async () => {
    const added = await tenant(
      z.object({ client_id: z.string(), client_secret: z.string() }),
      ...['client', 'add', '--name', 'Build server', '--redirect', 'https://ci.example/done', '--secret'],
    );
    const client = new HandClient(url, fetch, added, 'https://ci.example/done');
    const page = await new Browser(url, fetch).open(client.authorizeUrl());
    expect(page.text).toContain('The app “ Build server ”, which the operator of this server has registered');
    expect((await client.tokens(new Browser(url, fetch), keyIn(server.stdout))).scope).toContain(
      'cache:read',
    );
    expectSentence(
      await checkout.run(cli('tenant', 'client', 'add', '--name', 'Bad', '--redirect', 'http://ci.example')),
      /redirect_uris: each must be https/,
    );
  });

  test('no key, code, state or token is in the log', async () => {
    const client = await HandClient.register(url, fetch);
    const browser = new Browser(url, fetch);
    const from = server.stdout.length;
    const tokens = await client.tokens(browser, keyIn(server.stdout));
    await client.refresh('bhr_k1.nothing.nothing');
    await expect.poll(() => server.stdout.slice(from)).toContain('"event":"oauth.refused"');
    const log = server.stdout.slice(from);
    expect(log).toContain('"event":"oauth.granted"');
    for (const secret of [
      client.state,
      client.id,
      tokens.refresh_token,
      tokens.access_token,
      'bhk_',
      'bhc_',
      'bhr_',
    ])
      expect(log).not.toContain(secret);
  });
});
