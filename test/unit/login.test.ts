import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { browserCommand } from '../../src/bridge/login/browser.ts';
import { RedirectListener } from '../../src/bridge/login/redirect-listener.ts';
import { SignedInTokens } from '../../src/bridge/login/signed-in-tokens.ts';
import { SignInStore, type StoredEntry } from '../../src/bridge/login/store.ts';
import { FileLock } from '../../src/files/file-lock.ts';
import { LocalClient } from '../support/bridge-rig.ts';
import { TemporaryDirectory } from '../support/local.ts';
import { SignInServer } from '../support/sign-in-server.ts';

const HOUR_MS = 3_600_000;
const never = new AbortController().signal;

let directory: TemporaryDirectory;
let server: SignInServer;
beforeEach(async () => {
  directory = new TemporaryDirectory();
  server = await new SignInServer().start();
});
afterEach(async () => {
  await server.stop();
  directory.remove();
});

const folder = () => join(directory.path, 'sign-ins');
const fileOf = () => {
  const [name = ''] = readdirSync(folder()).filter((each) => each.endsWith('.json'));
  return join(folder(), name);
};

/** A bridge process with its own memory; the person and the clock are the test's. */
class Process {
  readonly pages: URL[] = [];
  readonly problems: string[] = [];
  readonly tokens: SignedInTokens;

  constructor(person: (page: URL) => unknown, now: () => number = () => 0) {
    this.tokens = new SignedInTokens({
      url: server.url,
      store: new SignInStore(directory.path, server.url),
      showPage: (page) => {
        this.pages.push(page);
        void person(page);
      },
      onSignedIn: () => {},
      onNotKept: (reason) => this.problems.push(reason),
      now,
    });
  }
}
const says =
  (parameters: Record<string, string | undefined> = {}) =>
  (page: URL) =>
    server.answer(page, parameters);
const pagesOf = (processes: readonly Process[]) => processes.flatMap(({ pages }) => pages).length;
const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.unreachable(),
    (error) => ({ code: error.error.data.code, message: error.message }),
  );

describe('the store of sign-ins', () => {
  const failed = (url: URL): StoredEntry => ({ state: 'failed', url: url.href, at: 1, reason: 'no' });

  test('is readable by its owner alone, one file for each URL, replaced whole', async () => {
    mkdirSync(folder());
    chmodSync(folder(), 0o755);
    const urls = ['https://a.example/mcp', 'https://a.example/mcp?tools=scar', 'http://[::1]:80/mcp'];
    for (const text of urls) {
      const url = new URL(text);
      const store = new SignInStore(directory.path, url);
      expect(store.read()).toBeUndefined();
      for (const at of [1, 2])
        await store.exclusively(never, async () => store.write({ ...failed(url), at } as StoredEntry));
      expect(store.read()).toEqual({ ...failed(url), at: 2 });
    }
    expect(statSync(folder()).mode & 0o777).toBe(0o700);
    const files = readdirSync(folder());
    expect(files.filter((file) => file.endsWith('.json'))).toHaveLength(urls.length);
    expect(files.every((file) => /^[\w.-]+\.json(?:\.lock)?$/.test(file))).toBe(true);
    for (const file of files) expect(statSync(join(folder(), file)).mode & 0o777, file).toBe(0o600);
  });

  test('takes what a killed process left for what it is: half a file is no entry, and is replaced', async () => {
    const store = new SignInStore(directory.path, server.url);
    store.write(failed(server.url));
    for (const text of [
      '',
      '{"state":"signed_in"',
      '[]',
      JSON.stringify(failed(new URL('https://other.example/'))),
    ]) {
      writeFileSync(fileOf(), text);
      expect(store.read(), text).toBeUndefined();
    }
    writeFileSync(`${fileOf()}.new`, 'half', { mode: 0o644 });
    store.write(failed(server.url));
    expect(store.read()).toEqual(failed(server.url));
    expect(statSync(fileOf()).mode & 0o777).toBe(0o600);
    store.remove();
    store.remove();
    expect(store.read()).toBeUndefined();
  });

  test('admits one at a time, and the lock of a killed process is free', async () => {
    const path = join(directory.path, 'a.lock');
    const source = new URL('../../src/files/file-lock.ts', import.meta.url).href;
    const script = `const { FileLock } = await import(${JSON.stringify(source)}); FileLock.tryAcquire(${JSON.stringify(path)}); console.log('held'); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    expect(FileLock.tryAcquire(path)).toBeUndefined();
    child.kill('SIGKILL');
    await once(child, 'exit');
    const lock = FileLock.tryAcquire(path);
    expect(lock).toBeDefined();
    expect(FileLock.tryAcquire(path)).toBeUndefined();
    lock?.release();
    FileLock.tryAcquire(path)?.release();
  });

  test('lets nobody wait longer than its caller wants', async () => {
    const [first, second] = [
      new SignInStore(directory.path, server.url),
      new SignInStore(directory.path, server.url),
    ];
    const held = Promise.withResolvers<void>();
    const holding = first.exclusively(never, () => held.promise);
    const impatient = new AbortController();
    const waiting = second.exclusively(impatient.signal, async () => 'in');
    impatient.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    held.resolve();
    await holding;
    expect(await second.exclusively(never, async () => 'in')).toBe('in');
  });
});

describe('bridges that start at once', () => {
  test('sign in once and refresh once', async () => {
    let now = 0;
    const processes = Array.from({ length: 8 }, () => new Process(says(), () => now));
    const all = () => Promise.all(processes.map(({ tokens }) => tokens.current()));
    expect(new Set(await all())).toEqual(new Set(['access-1']));
    expect([pagesOf(processes), server.count('/register')]).toEqual([1, 1]);
    now = HOUR_MS - 60_001;
    expect(new Set(await all())).toEqual(new Set(['access-1']));
    now = HOUR_MS;
    expect(new Set(await all())).toEqual(new Set(['access-2']));
    expect([pagesOf(processes), server.count('refresh_token')]).toEqual([1, 1]);
    expect(await new Process(says(), () => now).tokens.current()).toBe('access-2');
    expect(server.requests).toEqual(['/register', 'authorization_code', 'refresh_token']);
  });

  test('ask the person once, also when the person refuses', async () => {
    const processes = Array.from(
      { length: 8 },
      () => new Process(says({ code: undefined, error: 'access_denied' })),
    );
    const failures = await Promise.all(processes.map(({ tokens }) => failureOf(tokens.current())));
    expect(new Set(failures.map(({ code }) => code))).toEqual(new Set(['signed_out']));
    expect(failures[7]?.message).toBe(
      `The sign-in to ${server.origin} was refused (access_denied). Restart this client to sign in again.`,
    );
    await Promise.all(processes.map(({ tokens }) => failureOf(tokens.current())));
    expect(pagesOf(processes)).toBe(1);
    expect(await new Process(says(), () => 1).tokens.current()).toBe('access-1');
  });

  test('take over from one that ends before the person has answered', async () => {
    const first = new Process(() => {});
    const gone = failureOf(first.tokens.current());
    await expect.poll(() => first.pages.length).toBe(1);
    const second = new Process(says());
    const current = second.tokens.current();
    first.tokens.close();
    expect(await gone).toMatchObject({ code: 'closed' });
    expect(await current).toBe('access-1');
  });
});

describe('a sign-in', () => {
  test('asks for what the URL needs, with PKCE, state and the resource', async () => {
    const process = new Process(says());
    await process.tokens.current();
    const [page] = process.pages;
    expect(Object.fromEntries(page?.searchParams ?? [])).toEqual({
      response_type: 'code',
      client_id: 'client-1',
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
      redirect_uri: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/callback$/),
      state: expect.stringMatching(/^[\w-]{43}$/),
      scope: 'scar:read',
      resource: server.url.href,
    });
    expect(JSON.parse(readFileSync(fileOf(), 'utf8'))).toMatchObject({
      url: server.url.href,
      access_token: 'access-1',
    });
  });

  test.each([
    ['of another server', { iss: 'https://evil.example' }],
    ['of no server', { iss: undefined }],
    ['that refuses in the name of another server', { iss: 'https://evil.example', error: 'access_denied' }],
  ])('does not use an answer %s', async (_, parameters) => {
    const failure = await failureOf(new Process(says(parameters)).tokens.current());
    expect(failure.message).toMatch(/did not come from its authorization server/);
    expect(server.count('authorization_code')).toBe(0);
  });

  test('fails in a sentence when the code is not accepted', async () => {
    server.refusal = { status: 400, error: 'invalid_grant' };
    const failure = await failureOf(new Process(says()).tokens.current());
    expect(failure.message).toMatch(/did not accept the sign-in \(invalid_grant\)\. Restart this client/);
  });

  test.each([
    ['offers no sign-in', { metadata: { issuer: null } }, /offers no sign-in\. Use a token of its operator/],
    [
      'has no PKCE',
      { metadata: { code_challenge_methods_supported: ['plain'] } },
      /does not support PKCE with S256/,
    ],
    ['does not name PKCE', { metadata: { code_challenge_methods_supported: undefined } }, /PKCE with S256/],
    [
      'is another',
      { resourceMetadata: { resource: 'https://other.example/mcp' } },
      /says that it is https:\/\/other\.example/,
    ],
    [
      'calls itself otherwise',
      { metadata: { issuer: 'https://evil.example' } },
      /calls itself https:\/\/evil/,
    ],
    [
      'names no web page',
      { metadata: { authorization_endpoint: 'file:///bin/sh' } },
      /no browser should open/,
    ],
    [
      'registers nobody',
      { metadata: { registration_endpoint: undefined } },
      /lets no program register itself\. Use a token/,
    ],
  ])('opens no browser at a server that %s', async (_, changes, why) => {
    Object.assign(server, changes);
    const process = new Process(says());
    expect((await failureOf(process.tokens.current())).message).toMatch(why);
    expect([process.pages.length, server.count('authorization_code')]).toEqual([0, 0]);
  });

  test('is tried again after a failure before the person was asked', async () => {
    server.metadata = { issuer: null };
    const process = new Process(says());
    await failureOf(process.tokens.current());
    server.metadata = {};
    expect(await process.tokens.current()).toBe('access-1');
  });

  test('listens for its own answer alone, on this machine alone', async () => {
    const listener = await RedirectListener.open();
    const at = (query: string, init: RequestInit = {}) => fetch(`${listener.redirectUri}${query}`, init);
    expect((await at('?state=s&code=early')).status).toBe(400);
    const answer = listener.answerTo('s');
    const foreign = await at('?state=%3Cscript%3E&code=evil');
    expect([foreign.status, await foreign.text()]).toEqual([400, expect.not.stringContaining('script')]);
    for (const query of ['', '?code=evil', '?state=&code=evil']) expect((await at(query)).status).toBe(400);
    expect((await at('/x?state=s')).status).toBe(404);
    expect((await at('?state=s&code=posted', { method: 'POST' })).status).toBe(404);
    const shown = at('?state=s&code=right');
    const { parameters, show } = await answer;
    show(true);
    const page = await shown;
    expect(parameters.get('code')).toBe('right');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(await page.text()).not.toContain('right');
    expect((await at('?state=s&code=again')).status).toBe(400);
    listener.close();
    await expect(at('?state=s')).rejects.toThrow();
  });

  test.each([
    ['linux', {}, ['xdg-open']],
    ['darwin', {}, ['open']],
    ['win32', {}, ['rundll32', 'url.dll,FileProtocolHandler']],
    ['linux', { BROWSER: '/usr/bin/mine' }, ['/usr/bin/mine']],
    ['darwin', { BROWSER: '' }, ['open']],
  ] as const)('on %s with %j opens the page with %j', (platform, env, command) => {
    expect(browserCommand(platform, env)).toEqual(command);
  });
});

test('a sign-in that cannot be stored is good for its own process, and a store that cannot be locked is named', async () => {
  const process = new Process(says());
  new SignInStore(directory.path, server.url).write({ state: 'failed', url: 'x', at: 0, reason: 'x' });
  const file = fileOf();
  rmSync(file);
  mkdirSync(join(file, 'in the way'), { recursive: true });
  expect(await process.tokens.current()).toBe('access-1');
  expect(process.problems).toEqual([expect.stringMatching(/rename/)]);
  expect(await process.tokens.current()).toBe('access-1');
  rmSync(`${file}.lock`);
  mkdirSync(`${file}.lock`);
  const next = new Process(says());
  expect((await failureOf(next.tokens.current())).message).toMatch(
    /^The sign-in cannot be read or stored: .*Make .*\.lock usable, then try again\.$/,
  );
  expect(next.pages).toEqual([]);
});

describe('a refresh', () => {
  let now = 0;
  async function signedIn(): Promise<Process> {
    now = 0;
    const process = new Process(says(), () => now);
    await process.tokens.current();
    process.tokens.accepted();
    now = HOUR_MS;
    return process;
  }

  test('that the server cannot do now keeps the sign-in, and asks nobody', async () => {
    const process = await signedIn();
    server.refusal = { status: 503, error: 'temporarily_unavailable' };
    expect(await failureOf(process.tokens.current())).toEqual({
      code: 'sign_in_unavailable',
      message: `${server.origin} does not renew the sign-in now (temporarily_unavailable). Try again later; the sign-in is kept.`,
    });
    server.refusal = undefined;
    expect(await process.tokens.current()).toBe('access-2');
    expect(process.pages).toHaveLength(1);
  });

  test('of a grant that has ended says so in a running bridge, and a new one asks', async () => {
    const process = await signedIn();
    server.refusal = { status: 400, error: 'invalid_grant' };
    for (let tries = 0; tries < 2; tries++)
      expect(await failureOf(process.tokens.current())).toEqual({
        code: 'signed_out',
        message: `The sign-in to ${server.origin} has ended. Restart this client to sign in again.`,
      });
    expect(process.pages).toHaveLength(1);
    server.refusal = undefined;
    const next = new Process(says(), () => now);
    expect(await next.tokens.current()).toBe('access-2');
    expect(next.pages).toHaveLength(1);
  });

  test('is not sent to another authorization server', async () => {
    const process = await signedIn();
    const stored = JSON.parse(readFileSync(fileOf(), 'utf8'));
    writeFileSync(fileOf(), JSON.stringify({ ...stored, issuer: 'https://before.example' }));
    expect(await failureOf(process.tokens.current())).toMatchObject({ code: 'signed_out' });
    expect(server.count('refresh_token')).toBe(0);
  });
});

describe('the bridge', () => {
  test('waits for the sign-in, renews a refused token once, and shows no token', async () => {
    const { tokens, pages } = new Process(says());
    const client = new LocalClient(server.url, undefined, tokens);
    const asked = (id: number) => client.ask({ id, method: 'tools/list' });
    const both = await Promise.all([asked(1), asked(2)]);
    expect(both.map(({ result }) => result)).toEqual([{ token: 'access-1' }, { token: 'access-1' }]);
    server.valid.clear();
    expect((await asked(3)).result).toEqual({ token: 'access-2' });
    server.valid.clear();
    server.refusal = { status: 400, error: 'invalid_grant' };
    expect((await asked(4)).error).toMatchObject({ data: { code: 'signed_out' } });
    expect(tokens.hide('a access-2 b refresh-2 c')).toBe('a … b … c');
    await client.end();
    expect(client.lines).toEqual([
      `bulkhead: The sign-in to ${server.origin} has ended. Restart this client to sign in again.`,
    ]);
    expect([pages.length, server.count('refresh_token')]).toEqual([1, 2]);
  });

  test('ends while it waits for the person', async () => {
    const { tokens, pages } = new Process(() => {});
    const client = new LocalClient(server.url, undefined, tokens);
    client.send({ id: 1, method: 'initialize' });
    await expect.poll(() => pages.length).toBe(1);
    await client.end();
    expect(client.messages.all).toEqual([]);
  });
});
