import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  claudeCodeCommand,
  curlCommand,
  cursorConfig,
  readyText,
  shellQuote,
  vsCodeConfig,
} from '../../src/cli/connect.ts';
import { parsePort } from '../../src/cli/port.ts';
import { parseAssignments, parseScopes, parseTenantCommand, parseTtl } from '../../src/cli/tenant-command.ts';
import { CliError, humanBytes, table } from '../../src/cli/terminal.ts';

function failure(act: () => unknown): CliError {
  try {
    act();
  } catch (error) {
    if (error instanceof CliError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

describe('a tenant command line', () => {
  test.each([
    [['create', 'acme'], { name: 'create', id: 'acme' }],
    [['--json', 'list'], { name: 'list' }],
    [['show', 'a', '--json'], { name: 'show', id: 'a' }],
    [['suspend', 'acme'], { name: 'suspend', id: 'acme' }],
    [['resume', 'acme'], { name: 'resume', id: 'acme' }],
    [['delete', 'acme', '--yes'], { name: 'delete', id: 'acme' }],
    [['tokens', 'acme'], { name: 'tokens', id: 'acme' }],
    [['revoke', 'acme', 'f00'], { name: 'revoke', id: 'acme', tokenId: 'f00' }],
    [['token', 'acme'], { name: 'token', id: 'acme', options: {} }],
    [
      [
        'token',
        'acme',
        '--scope',
        'cache:read,scar:write',
        '--scope=cache:read',
        '--ttl',
        '2h',
        '--label',
        'ci',
      ],
      {
        name: 'token',
        id: 'acme',
        options: { scopes: ['scar:write', 'cache:read'], ttl_s: 7200, label: 'ci' },
      },
    ],
    [
      ['limits', 'acme', '--set', 'rate=50', 'burst=200'],
      { name: 'limits', id: 'acme', change: { rate: 50, burst: 200 } },
    ],
    [
      ['limits', 'acme', '--tool', '*', '--set', 'burst=9'],
      { name: 'limits', id: 'acme', change: { tool: '*', burst: 9 } },
    ],
    [
      ['limits', '--set=rate=0.5', '--tool=cache_get', 'acme', '--set', 'burst=2'],
      { name: 'limits', id: 'acme', change: { tool: 'cache_get', rate: 0.5, burst: 2 } },
    ],
  ])('%j is understood', (argv, command) => {
    expect(parseTenantCommand(argv)).toEqual(command);
  });

  test('that is empty asks for nothing', () => {
    expect(parseTenantCommand([])).toBeUndefined();
    expect(parseTenantCommand(['--json'])).toBeUndefined();
  });

  test.each([
    [['destroy', 'acme'], 'There is no command destroy'],
    [['toString'], 'There is no command toString'],
    [['create'], 'ID is missing'],
    [['create', 'Acme'], 'lower-case'],
    [['create', '-'.repeat(3)], 'Unknown option'],
    [['create', 'a'.repeat(64)], '1 to 63 characters'],
    [['create', 'acme', 'two'], 'takes nothing more, such as two'],
    [['list', 'acme'], 'takes nothing more'],
    [['list', '--yes'], 'list takes no --yes'],
    [['create', 'acme', '--scope', 'cache:read'], 'create takes no --scope'],
    [['delete', 'acme'], 'repeat it with --yes'],
    [['revoke', 'acme'], 'TOKEN_ID is missing'],
    [['token', 'acme', '--ttl'], '--ttl'],
    [['token', 'acme', '--frobnicate'], '--frobnicate'],
    [['limits', 'acme'], 'limits needs --set'],
    [['limits', 'acme', '--tool', 'LICENSE', 'src', '--set', 'rate=1'], "quote the star: --tool '*'"],
  ])('%j is refused with a sentence', (argv, sentence) => {
    const error = failure(() => parseTenantCommand(argv));
    expect(error.message).toContain(sentence);
    expect(error.message).not.toContain('\n');
    expect(error.exitCode).toBe(2);
  });
});

describe('a time to live', () => {
  test.each([
    ['90s', 90],
    ['15m', 900],
    ['12h', 43_200],
    ['30d', 2_592_000],
  ])('%s is %i seconds', (text, seconds) => expect(parseTtl(text)).toBe(seconds));

  test.each(['', '30', 'd', '0d', '-1d', '1.5h', '1w', '30 d', '30D', '1e3s', '9999999999s'])(
    '%j is refused',
    (text) => expect(failure(() => parseTtl(text)).message).toContain('30d'),
  );
});

describe('limits to set', () => {
  test.each([
    [['rate=0.001'], { rate: 0.001 }],
    [['burst=200', 'rate=50'], { rate: 50, burst: 200 }],
  ])('%j', (words, change) => expect(parseAssignments(words)).toEqual(change));

  test.each([
    [[]],
    [['rate']],
    [['rate=']],
    [['rate=-1']],
    [['rate=1e3']],
    [['rate=0.0001']],
    [['burst=1.5']],
    [['price=1']],
    [['rate=1', 'rate=2']],
  ])('%j is refused', (words) => expect(failure(() => parseAssignments(words)).exitCode).toBe(2));
});

test('an unknown scope is named', () => {
  expect(failure(() => parseScopes(['cache:read,cash:read'])).message).toContain(
    'There is no scope cash:read',
  );
  expect(failure(() => parseScopes([''])).message).toContain('--scope must be one of');
});

describe('the port', () => {
  test.each([
    [undefined, 8787],
    ['', 8787],
    ['1', 1],
    ['65535', 65_535],
  ])('%j is %i', (text, port) => expect(parsePort(text)).toBe(port));

  test.each(['0', '65536', '-1', '80.5', 'http', '0x50', ' 80'])('%j is refused', (text) =>
    expect(failure(() => parsePort(text)).message).toContain('1 to 65535'),
  );
});

describe('what is pasted', () => {
  const connection = { url: 'http://127.0.0.1:8787/mcp', token: 'aa.bb-c_c.dd' };

  /** The words that a shell makes of a command. */
  const words = (command: string) =>
    execFileSync('sh', ['-c', `printf '%s\\0' ${command}`], { encoding: 'utf8' })
      .split('\0')
      .slice(0, -1);

  test('a shell reads every word back as it was', () => {
    const text = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
      .filter((word) => !word.includes('\0'));
    fc.assert(
      fc.property(text, (word) => {
        expect(words(shellQuote(word))).toEqual([word]);
      }),
      { numRuns: 30 },
    );
  });

  test('the curl command is one line and carries the token once', () => {
    const command = curlCommand(connection);
    expect(command).not.toContain('\n');
    const read = words(command);
    expect(read).toContain('Authorization: Bearer aa.bb-c_c.dd');
    expect(read).toContain('Accept: application/json, text/event-stream');
    expect(JSON.parse(read.at(-1) ?? '')).toMatchObject({ method: 'tools/call' });
  });

  test('the clients are configured as they read it', () => {
    expect(words(claudeCodeCommand(connection))).toEqual([
      'claude',
      'mcp',
      'add',
      '--transport',
      'http',
      'bulkhead',
      connection.url,
      '--header',
      'Authorization: Bearer aa.bb-c_c.dd',
    ]);
    const headers = { Authorization: 'Bearer aa.bb-c_c.dd' };
    expect(cursorConfig(connection)).toEqual({ mcpServers: { bulkhead: { url: connection.url, headers } } });
    expect(vsCodeConfig(connection)).toEqual({
      servers: { bulkhead: { type: 'http', url: connection.url, headers } },
    });
  });

  test('the whole text names the URL of the demo where it is not the default one', () => {
    const facts = { tenant: 'demo', expiresAt: '2026-12-01T00:00:00.000Z' };
    expect(readyText(connection, { ...facts, base: 'http://127.0.0.1:8787' })).not.toContain('BULKHEAD_URL');
    expect(readyText(connection, { ...facts, base: 'http://127.0.0.1:9000' })).toContain(
      'BULKHEAD_URL=http://127.0.0.1:9000 npm run demo',
    );
  });
});

test('a table is aligned and shows nothing that could drive the terminal', () => {
  expect(
    table([
      ['ID', 'LABEL', 'STATE'],
      ['acme', '\u001b[31mred\u202e', 'live'],
    ]),
  ).toBe('ID    LABEL      STATE\nacme  ?[31mred?  live');
});

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1 KiB'],
  [1536, '1.5 KiB'],
  [1_073_741_824, '1 GiB'],
])('%i bytes are %s', (bytes, text) => expect(humanBytes(bytes)).toBe(text));
