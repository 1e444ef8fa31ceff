import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CrashHistory } from '../../src/cli/serve.ts';
import { serverAddress } from '../../src/cli/server-address.ts';
import { readServerRecord, StateLock } from '../../src/cli/state-folder.ts';
import { TemporaryDirectory } from '../support/local.ts';

let directory: TemporaryDirectory;
beforeEach(() => {
  directory = new TemporaryDirectory();
});
afterEach(() => directory.remove());

const FIRST = { pid: 4711, url: 'http://127.0.0.1:9000' };
const SECOND = { pid: 4712, url: 'http://127.0.0.1:9001' };

describe('the lock of a state folder', () => {
  test('is held by one, names the holder to the next, and can be taken again once it is released', () => {
    const lock = StateLock.acquire(directory.path, FIRST);
    expect(() => StateLock.acquire(directory.path, SECOND)).toThrow(
      /^A server already runs on the data of this folder: process 4711, at http:\/\/127\.0\.0\.1:9000\. Use that one, or stop it/,
    );
    expect(readServerRecord(directory.path)).toEqual(FIRST);
    lock.release();
    StateLock.acquire(directory.path, SECOND).release();
    expect(readServerRecord(directory.path)).toEqual(SECOND);
  });

  test('is free although a living process has the recorded id: ids are used again', () => {
    StateLock.acquire(directory.path, { ...FIRST, pid: process.pid }).release();
    StateLock.acquire(directory.path, SECOND).release();
  });

  test('names no one when the record is damaged', () => {
    const lock = StateLock.acquire(directory.path, FIRST);
    writeFileSync(join(directory.path, '.wrangler/state/bulkhead.json'), '{"pid":');
    expect(() => StateLock.acquire(directory.path, SECOND)).toThrow(/on the data of this folder\. Use/);
    lock.release();
  });

  test('cannot be taken where the folder cannot be used, and one sentence says so', () => {
    mkdirSync(join(directory.path, '.wrangler'));
    writeFileSync(join(directory.path, '.wrangler/state'), 'a file in its place');
    expect(() => StateLock.acquire(directory.path, FIRST)).toThrow(
      /^The state folder \S+ cannot be used: [^\n]+\.$/,
    );
  });
});

describe('the server that a command talks to', () => {
  const address = (env: Record<string, string>) => serverAddress(directory.path, env);

  test('is the one of BULKHEAD_URL, then the one that was started last, then the default', () => {
    expect(address({})).toMatchObject({
      url: 'http://127.0.0.1:8787',
      remedy: expect.stringMatching(/npm start/),
    });
    StateLock.acquire(directory.path, FIRST).release();
    expect(address({ BULKHEAD_URL: '' })).toMatchObject({
      url: FIRST.url,
      remedy: expect.stringMatching(/where `npm start` ran last/),
    });
    expect(address({ BULKHEAD_URL: 'https://example.com/path//' })).toMatchObject({
      url: 'https://example.com/path',
      remedy: expect.stringMatching(/BULKHEAD_URL/),
    });
  });

  test.each(['example.com', 'ftp://example.com', 'https://example.com/?a', 'https://'])(
    'is not %s, which is no address',
    (BULKHEAD_URL) => {
      expect(() => address({ BULKHEAD_URL })).toThrow(/^BULKHEAD_URL must be the address of a server/);
    },
  );
});

test('a fourth crash within a minute is one too many, and crashes before that minute do not count', () => {
  const often = new CrashHistory();
  expect([0, 20_000, 40_000, 59_999].map((now) => often.add(now))).toEqual([false, false, false, true]);
  const seldom = new CrashHistory();
  expect([0, 20_000, 40_000, 60_000, 80_000].some((now) => seldom.add(now))).toBe(false);
});

describe('the scripts of package.json', () => {
  const { scripts }: { scripts: Record<string, string> } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  );

  // cmd.exe knows words, double quotes and && only.
  test.each(Object.entries(scripts))('%s works in cmd.exe', (_, script) => {
    for (const command of script.split(' && ')) {
      expect(command).toMatch(/^(?:node|npm|biome|tsc|vitest|wrangler) /);
      expect(command).toMatch(/^[\w ./:=@-]+$/);
    }
  });
});
