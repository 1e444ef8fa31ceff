import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseStdioCommand } from '../../src/cli/stdio-options.ts';
import { configDirectory, dataDirectory } from '../../src/files/user-directories.ts';
import { DataError, openDirectory } from '../../src/local/directory.ts';
import { TemporaryDirectory } from '../support/local.ts';

test.each([
  ['linux', {}, '/home/u/.local/share/bulkhead'],
  ['linux', { XDG_DATA_HOME: '' }, '/home/u/.local/share/bulkhead'],
  ['linux', { XDG_DATA_HOME: '/data' }, '/data/bulkhead'],
  ['darwin', { XDG_DATA_HOME: '/data' }, '/home/u/Library/Application Support/bulkhead'],
  ['win32', { LOCALAPPDATA: '/local' }, '/local/bulkhead'],
  ['win32', {}, '/home/u/AppData/Local/bulkhead'],
] as const)('on %s with %j the data is in %s', (platform, env, expected) => {
  expect(dataDirectory(platform, env, '/home/u')).toBe(expected);
});

test.each([
  ['linux', {}, '/home/u/.config/bulkhead'],
  ['linux', { XDG_CONFIG_HOME: '' }, '/home/u/.config/bulkhead'],
  ['linux', { XDG_CONFIG_HOME: '/etc/u' }, '/etc/u/bulkhead'],
  ['darwin', { XDG_CONFIG_HOME: '/etc/u' }, '/home/u/Library/Application Support/bulkhead'],
  ['win32', { APPDATA: '/roaming' }, '/roaming/bulkhead'],
  ['win32', {}, '/home/u/AppData/Roaming/bulkhead'],
] as const)('on %s with %j the sign-ins are in %s', (platform, env, expected) => {
  expect(configDirectory(platform, env, '/home/u')).toBe(expected);
});

describe('the data directory', () => {
  let directory: TemporaryDirectory;
  const umask = process.umask();
  beforeEach(() => {
    directory = new TemporaryDirectory();
  });
  afterEach(() => {
    directory.remove();
    process.umask(umask);
  });

  test('is made for its owner alone, with all that is in it', () => {
    const path = join(directory.path, 'new', 'data');
    const db = openDirectory(path);
    db.script('CREATE TABLE t (x)');
    expect(statSync(path).mode & 0o777).toBe(0o700);
    for (const file of ['bulkhead.db', 'bulkhead.db-wal']) {
      expect(statSync(join(path, file)).mode & 0o777, file).toBe(0o600);
    }
    db.close();
  });

  test('is refused in one line when it is a file, holds no database, or holds a directory in its place', () => {
    writeFileSync(directory.file, '');
    const garbage = join(directory.path, 'garbage');
    mkdirSync(garbage);
    writeFileSync(join(garbage, 'bulkhead.db'), 'no database, but as long as the header of one'.repeat(20));
    const occupied = join(directory.path, 'occupied');
    mkdirSync(join(occupied, 'bulkhead.db'), { recursive: true });
    for (const path of [directory.file, join(directory.file, 'below'), garbage, occupied]) {
      expect(() => openDirectory(path)).toThrow(DataError);
      expect(() => openDirectory(path)).toThrow(/^The data directory \S+ cannot be used: [^\n]+\.$/);
    }
  });
});

describe('the command line of stdio', () => {
  const parse = (...argv: string[]) => parseStdioCommand(argv, { BULKHEAD_TOKEN: 'secret' });

  test('is a server of its own without --url', () => {
    expect(parse()).toEqual({ name: 'local', data: undefined, verbose: false });
    expect(parse('--data', '/d', '--verbose')).toEqual({ name: 'local', data: '/d', verbose: true });
  });

  test('is a bridge with --url, and takes the token from the environment or a file', () => {
    const url = 'https://example.com';
    expect(parse('--url', url)).toEqual({
      name: 'bridge',
      url,
      token: 'secret',
      tokenFile: undefined,
      login: false,
    });
    expect(parseStdioCommand(['--url', url, '--token-file', 'f'], {})).toEqual({
      name: 'bridge',
      url,
      token: undefined,
      tokenFile: 'f',
      login: false,
    });
  });

  test('signs in and out at a URL', () => {
    const url = 'https://example.com';
    expect(parse('--url', url, '--login')).toMatchObject({ name: 'bridge', url, login: true });
    expect(parse('--url', url, '--logout')).toEqual({ name: 'logout', url });
  });

  test.each([
    [['--dta', 'x'], /dta/],
    [['extra'], /extra/],
    [['--data'], /data/],
    [['--data', ''], /--data/],
    [['--url', 'https://x', '--data', 'd'], /not both/],
    [['--url', 'https://x', '--verbose'], /--verbose/],
    [['--login'], /--login is for a bridge\. Add --url/],
    [['--logout'], /--logout is for a bridge\. Add --url/],
    [['--url', 'https://x', '--login', '--token-file', 'f'], /not both/],
    [['--url', 'https://x', '--login', '--data', 'd'], /not both/],
    [['--url', 'https://x', '--logout', '--login'], /--logout needs --url alone/],
    [['--url', 'https://x', '--logout', '--token-file', 'f'], /--logout needs --url alone/],
    [['--token-file', 'f'], /--url/],
  ])('%j is refused in one line', (argv, message) => {
    expect(() => parse(...argv)).toThrow(message);
    expect(() => parse(...argv)).toThrow(expect.objectContaining({ exitCode: 2 }));
    expect(() => parse(...argv)).toThrow(/^[^\n]+$/);
  });
});
