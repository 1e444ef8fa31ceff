import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMCPClient } from '@ai-sdk/mcp';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROOT } from '../support/bridge-clients.ts';
import { freePort } from '../support/node-cli.ts';
import {
  CLIENTS,
  connectV1,
  connectV2,
  IDENTITY,
  providerFor,
  SignInRig,
  visit,
} from '../support/sign-in-clients.ts';
import { Agents } from '../support/third-party/agents.ts';
import { runSignedIn } from '../support/third-party/inspector.ts';
import { packageBin } from '../support/third-party/package-bin.ts';

/** Other clients and other ways through the whole sign-in: HTTP+SSE, more scopes later, and programs of their own. */

let rig: SignInRig;
const agents = new Agents();
beforeAll(async () => {
  rig = await SignInRig.start();
  await agents.start();
});
afterAll(async () => {
  await agents.stop();
  await rig?.server.stop();
});

test.each(CLIENTS.slice(0, 2))('%s signs in at /sse', async (_name, connect) => {
  const { key } = await rig.newPerson();
  const url = rig.at('127.0.0.1', '/sse');
  const provider = providerFor(url, key);
  const client = await connect(url, provider);
  expect(await client.tools()).toContain('cache_get');
  await client.close();
  expect(provider.answers.length).toBe(1);
});

test.each([
  ['2025', 'legacy'],
  ['2026', { pin: '2026-07-28' }],
] as const)(
  'SDK v2, %s, asks the person for a scope that it lacks, and keeps those that it has',
  async (_, mode) => {
    const { key } = await rig.newPerson();
    const url = rig.at('127.0.0.1');
    const provider = providerFor(url, key);
    provider.allows = ['blackboard:read', 'scar:read'];
    await (await connectV2(mode)(url, provider)).close();
    provider.allows = undefined;
    const open = () => new StreamableHTTPClientTransport(url, { authProvider: provider as never });
    const newClient = () => new Client(IDENTITY, { versionNegotiation: { mode } });
    const write = (client: Client) =>
      client.callTool({ name: 'blackboard_write', arguments: { key: 'a', value: 1 } });
    const [lacking, transport] = [newClient(), open()];
    await lacking.connect(transport);
    await expect(write(lacking)).rejects.toThrow('Unauthorized');
    await transport.finishAuth(provider.code, provider.issuer);
    expect(provider.kept?.scope).toBe('blackboard:read blackboard:write scar:read');
    // A session of 2025 belongs to the grant that opened it.
    await lacking.close();
    const client = newClient();
    await client.connect(open());
    expect((await write(client)).structuredContent).toMatchObject({ status: 'created' });
    expect(provider.answers.length).toBe(2);
    await client.close();
  },
);

test('a client that cannot ask for a scope shows the model which one is missing, each time', async () => {
  const { key } = await rig.newPerson();
  const url = rig.at('127.0.0.1');
  const provider = providerFor(url, key);
  provider.allows = ['scar:read'];
  await (await connectV1(url, provider)).close();
  const client = new ClientV1(IDENTITY);
  await client.connect(new TransportV1(url, { authProvider: provider as never }) as never);
  for (const key of ['a', 'b']) {
    const refused = await client.callTool({ name: 'blackboard_write', arguments: { key, value: 1 } });
    expect(refused).toMatchObject({
      isError: true,
      structuredContent: { error: { scope: 'blackboard:write' } },
    });
    expect(JSON.stringify(refused.content)).toMatch(
      /not given the scope blackboard:write\. Ask the person to connect/,
    );
  }
  expect(provider.answers.length).toBe(1);
  await client.close();
});

test('an agent of the agents package signs in at its own callback', async () => {
  const { key } = await rig.newPerson();
  const tools = await agents.signIn(`${rig.server.url}/mcp`, (page) => visit(page, key));
  await expect.poll(tools).toContain('cache_get');
});

test.each(['legacy', 'modern'] as const)('Inspector CLI, %s, signs in', async (era) => {
  const home = mkdtempSync(join(tmpdir(), 'bulkhead-inspector-'));
  const { key } = await rig.newPerson();
  const callback = `http://127.0.0.1:${await freePort()}/oauth/callback`;
  const words = ['--method', 'tools/list'];
  try {
    const listed = await runSignedIn(home, `${rig.server.url}/mcp`, era, words, callback, (page) =>
      visit(page, key),
    );
    expect(listed).toMatchObject({
      tools: expect.arrayContaining([expect.objectContaining({ name: 'cache_get' })]),
    });
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});

test('the AI SDK signs in', async () => {
  const { key } = await rig.newPerson();
  const url = rig.at('127.0.0.1');
  const provider = providerFor(url, key);
  const { auth } = await import('@ai-sdk/mcp');
  expect(await auth(provider as never, { serverUrl: url })).toBe('REDIRECT');
  const code = { serverUrl: url, authorizationCode: provider.code, callbackState: undefined };
  expect(await auth(provider as never, code as never)).toBe('AUTHORIZED');
  const client = await createMCPClient({
    transport: { type: 'http', url: url.href, authProvider: provider as never },
  });
  expect((await client.listTools()).tools.map(({ name }) => name)).toContain('cache_get');
  await client.close();
});

test('mcp-remote signs in at its first start, and needs nobody at its second', async () => {
  const home = mkdtempSync(join(tmpdir(), 'bulkhead-sign-in-'));
  const { key } = await rig.newPerson();
  const start = async () => {
    const child = spawn(
      process.execPath,
      [packageBin('mcp-remote', 'mcp-remote'), `${rig.server.url}/mcp`, '--allow-http'],
      // Without a PATH it finds no browser to open.
      { env: { HOME: home, MCP_REMOTE_CONFIG_DIR: home, PATH: '' }, stdio: ['pipe', 'pipe', 'pipe'] },
    );
    let said = '';
    let heard = '';
    let visits = 0;
    child.stdout.on('data', (chunk) => {
      heard += String(chunk);
    });
    child.stderr.on('data', (chunk) => {
      said += String(chunk);
      const [, url] = /(http:\/\/127\.0\.0\.1:\d+\/authorize\?\S+)\s/.exec(said) ?? [];
      if (url === undefined || visits > 0) return;
      visits++;
      void visit(new URL(url), key).then((back) => fetch(back));
    });
    const initialize = {
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: IDENTITY },
    };
    child.stdin.write(`${JSON.stringify(initialize)}\n`);
    // What it said is shown when it fails.
    const answer = { heard: expect.stringContaining('"serverInfo"') };
    await expect.poll(() => ({ heard, said }), { timeout: 25_000 }).toMatchObject(answer);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.stdin.end();
    child.kill();
    await ended;
    return visits;
  };
  try {
    expect([await start(), await start()]).toEqual([1, 0]);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});

test('the stdio bridge signs in and refreshes once for all its processes, needs nobody later, and signs out', async () => {
  const home = mkdtempSync(join(tmpdir(), 'bulkhead-login-'));
  const { tenant, key } = await rig.newPerson();
  const [browser, log] = [join(home, 'browser'), join(home, 'visits')];
  const program = join(ROOT, 'test/support/person-browser.ts');
  writeFileSync(browser, `#!/bin/sh\nexec '${process.execPath}' '${program}' "$1"\n`, { mode: 0o700 });
  const env = { XDG_CONFIG_HOME: home, BROWSER: browser, PERSON_KEY: key, PERSON_LOG: log };
  const args = [join(ROOT, 'bin/bulkhead.mjs'), 'stdio', '--url', rig.server.url];
  let stderr = '';
  const bridge = async () => {
    const command = { command: process.execPath, args: [...args, '--login'], env };
    const transport = new StdioClientTransport({ ...command, stderr: 'pipe' });
    transport.stderr?.on('data', (chunk) => {
      stderr += chunk;
    });
    const client = new Client(IDENTITY);
    await client.connect(transport);
    return client;
  };
  const logOut = async () => {
    const child = spawn(process.execPath, [...args, '--logout'], { env: { XDG_CONFIG_HOME: home } });
    let said = '';
    child.stderr.on('data', (chunk) => {
      said += chunk;
    });
    return new Promise((resolve) => child.once('close', (code) => resolve([code, said])));
  };
  const grants = async () => (await rig.operator.request('GET', `/tenants/${tenant}/grants`)).grants;
  try {
    const folder = join(home, 'bulkhead', 'sign-ins');
    const threeWork = async () => {
      for (const client of await Promise.all([bridge(), bridge(), bridge()])) {
        expect((await client.listTools()).tools.map(({ name }) => name)).toContain('cache_get');
        await client.close();
      }
      const [name = ''] = readdirSync(folder).filter((each) => each.endsWith('.json'));
      return { file: name, stored: JSON.parse(readFileSync(join(folder, name), 'utf8')) };
    };
    const { file, stored: first } = await threeWork();
    const refreshed = () => rig.server.lines().filter((line) => line.includes('oauth.issued')).length;
    const before = refreshed();
    writeFileSync(join(folder, file), JSON.stringify({ ...first, renew_at: 0 }), { mode: 0o600 });
    const { stored: second } = await threeWork();
    expect(second.refresh_token).not.toBe(first.refresh_token);
    expect(refreshed() - before).toBe(1);
    expect(readFileSync(log, 'utf8')).toBe('200\n');
    expect(await grants()).toHaveLength(1);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600);
    for (const token of [first, second].flatMap((each) => [each.access_token, each.refresh_token])) {
      expect(token.length).toBeGreaterThan(40);
      expect(stderr).not.toContain(token);
    }
    expect(stderr.split('\n').filter((line) => line.startsWith('bulkhead: Sign in to'))).toHaveLength(1);
    expect(await logOut()).toEqual([0, `bulkhead: Signed out of ${rig.server.url}.\n`]);
    expect([await grants(), readdirSync(folder)]).toEqual([[], [`${file}.lock`]]);
    expect(await logOut()).toEqual([0, `bulkhead: There is no sign-in to ${rig.server.url} to forget.\n`]);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});

test('a client whose static header works does not sign in', async () => {
  const token = await rig.operator.tenant('static-header');
  const provider = providerFor(rig.at('127.0.0.1'), 'none');
  const transport = new StreamableHTTPClientTransport(rig.at('127.0.0.1'), {
    authProvider: provider as never,
    requestInit: { headers: { authorization: `Bearer ${token}` } },
  });
  const client = new Client(IDENTITY);
  await client.connect(transport);
  expect((await client.listTools()).tools.length).toBeGreaterThan(10);
  expect([provider.ids.size, provider.answers.length]).toEqual([0, 0]);
  await client.close();
});
