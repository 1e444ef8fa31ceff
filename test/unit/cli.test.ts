import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  claudeCodeCommand,
  cmdQuote,
  curlCommand,
  cursorConfig,
  readyText,
  shellQuote,
  vsCodeConfig,
} from '../../src/cli/connect.ts';
import { parsePort } from '../../src/cli/port.ts';
import { parseStartCommand } from '../../src/cli/start-options.ts';
import { parseTenantCommand } from '../../src/cli/tenant-command.ts';
import { COMMAND_NAMES, tenantHelp } from '../../src/cli/tenant-help.ts';
import { parseAssignments, parseScopes, parseTtl } from '../../src/cli/tenant-values.ts';
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

describe('the command line of a connection by OAuth', () => {
  const http = ['connection', 'set', 'acme', 'crm', '--kind', 'http', '--url', 'https://crm.example.com/'];
  const oauth = [...http, '--token-url', 'https://login.example.com/', '--client-id', 'me', '--oauth'];

  test.each([
    [[...http, '--client-id', 'me', '--header', 'X-Key'], '--client-id is for --oauth'],
    [[...http, '--oauth', 'client_credentials'], '--token-url and --client-id'],
    [[...oauth, 'password'], '--oauth must be one of'],
    [[...oauth, 'client_credentials', '--header', 'X-Key'], '--header is not for --oauth'],
    [[...oauth, 'client_credentials', '--client-auth', 'mtls'], '--client-auth must be one of'],
    [[...oauth, 'client_credentials', '--refresh-token-env', 'T'], 'is for --oauth refresh_token'],
    [[...oauth, 'refresh_token', '--client-auth', 'none', '--secret-env', 'S'], 'has no secret'],
    [[...oauth, 'refresh_token', '--refresh-token-env', 'T', '--refresh-token-file', 'f'], 'not both'],
    [['connection', 'set', 'acme', 'o', '--kind', 'postgres', '--oauth', 'x'], '--oauth is not for --kind'],
  ])('%j is refused', (argv, message) => {
    expect(failure(() => parseTenantCommand(argv)).message).toContain(message);
  });
});

describe('a tenant command line', () => {
  test.each([
    [['create', 'acme'], { name: 'create', id: 'acme' }],
    [['--json', 'list'], { name: 'list', query: { limit: 10_000 } }],
    [['list', '--all'], { name: 'list', query: {} }],
    [['actions'], { name: 'actions', limit: 50 }],
    [['actions', '--limit', '7'], { name: 'actions', limit: 7 }],
    [
      ['member', 'remove', 'acme', 'm1', '--keep-tokens'],
      { name: 'member remove', id: 'acme', memberId: 'm1', keepTokens: true },
    ],
    [
      ['list', '--prefix', 'acme-', '--status=suspended', '--limit', '20000'],
      { name: 'list', query: { prefix: 'acme-', status: 'suspended', limit: 20_000 } },
    ],
    [['show', 'a', '--json'], { name: 'show', id: 'a' }],
    [['suspend', 'acme'], { name: 'suspend', id: 'acme' }],
    [['resume', 'acme'], { name: 'resume', id: 'acme' }],
    [['delete', 'acme', '--yes'], { name: 'delete', id: 'acme' }],
    [['tokens', 'acme'], { name: 'tokens', id: 'acme' }],
    [
      [
        ...['connection', 'set', 'acme', 'crm', '--kind', 'http', '--url', 'https://crm.example.com/'],
        ...[
          '--oauth',
          'refresh_token',
          '--token-url',
          'https://login.example.com/token',
          '--client-id',
          'me',
        ],
        ...['--client-auth', 'client_secret_post', '--scope', 'a', '--scope', 'b'],
        ...['--refresh-token-env', 'TOKEN'],
      ],
      {
        name: 'connection authorize',
        id: 'acme',
        connection: 'crm',
        options: { kind: 'http', url: 'https://crm.example.com/', allow_internal: false },
        oauth: {
          grant: 'refresh_token',
          token_url: 'https://login.example.com/token',
          client_id: 'me',
          client_auth: 'client_secret_post',
          scope: 'a b',
        },
        secrets: {
          client: { from: 'terminal' },
          refresh: { from: 'environment', variable: 'TOKEN' },
        },
      },
    ],
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
    [
      ['limits', 'acme', '--tool', 'cache_get', '--unset'],
      { name: 'limits', id: 'acme', change: { tool: 'cache_get', unset: true } },
    ],
    [
      ['scopes', 'acme', 'f00', '--add', 'cache:read,scar:read', '--remove', 'scar:write'],
      {
        name: 'scopes',
        id: 'acme',
        tokenId: 'f00',
        change: { add: ['scar:read', 'cache:read'], remove: ['scar:write'] },
      },
    ],
    [
      ['member', 'add', 'acme', '--name', 'Ann', '--ttl', '1d'],
      { name: 'member add', id: 'acme', options: { name: 'Ann', ttl_s: 86_400 } },
    ],
    [
      ['member', 'add', 'acme', '--name', 'Ann', '--email', 'ann@example.com'],
      { name: 'member add', id: 'acme', options: { name: 'Ann', email: 'ann@example.com' } },
    ],
    [
      ['member', 'add', 'acme', '--name=Ann', '--sub=auth0|7'],
      { name: 'member add', id: 'acme', options: { name: 'Ann', sub: 'auth0|7' } },
    ],
    [['member', 'key', 'acme', 'm1'], { name: 'member key', id: 'acme', memberId: 'm1' }],
    [
      ['client', 'add', '--name=CI', '--redirect=https://a.test', '--redirect', 'https://b.test'],
      {
        name: 'client add',
        options: { name: 'CI', redirect_uris: ['https://a.test', 'https://b.test'], secret: false },
      },
    ],
    [['member', 'add', '--help'], { name: 'help', of: 'member add' }],
    [
      ['token', 'acme', '--tool', 'a,b', '--tool=c', '--read-only'],
      { name: 'token', id: 'acme', options: { tools: ['a', 'b', 'c'], read_only: true } },
    ],
    [['export', 'acme', '--to-bucket'], { name: 'export', id: 'acme', to: 'bucket' }],
    [['verify', '--file', 'a.gz', 'b.gz'], { name: 'verify files', files: ['a.gz', 'b.gz'] }],
    [['--help'], { name: 'help' }],
    [['token', '--help'], { name: 'help', of: 'token' }],
    [['limits', '-h', '--json'], { name: 'help', of: 'limits' }],
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
    [['create', 'acme', 'two'], 'two is one argument too many'],
    [['list', 'acme'], 'acme is one argument too many'],
    [['list', '--yes'], 'list takes no --yes'],
    [['list', '--all', '--limit', '5'], 'list takes --all or --limit, not both'],
    [['list', '--limit', '0'], '--limit must be a whole number from 1'],
    [['list', '--limit', '1e3'], '--limit must be a whole number from 1'],
    [['list', '--prefix', 'Acme'], '--prefix must be the first characters of tenant ids'],
    [['list', '--prefix='], '--prefix must be the first characters of tenant ids'],
    [['list', '--status', 'gone'], '--status must be active or suspended'],
    [['create', 'acme', '--scope', 'cache:read'], 'create takes no --scope'],
    [['delete', 'acme'], 'Repeat the command with --yes'],
    [['revoke', 'acme'], 'TOKEN_ID is missing'],
    [['token', 'acme', '--ttl'], '--ttl'],
    [['token', 'acme', '--frobnicate'], '--frobnicate'],
    [['limits', 'acme'], 'limits needs --set or --unset'],
    [['limits', 'acme', '--unset', '--set', 'rate=1'], 'not both'],
    [['limits', 'acme', '--unset', 'rate=1'], 'not both'],
    [['scopes', 'acme'], 'TOKEN_ID is missing'],
    [['scopes', 'acme', 'f00'], 'scopes needs --add or --remove'],
    [['scopes', 'acme', 'f00', '--add', 'cash:read'], '--add: there is no scope cash:read'],
    [['scopes', 'acme', 'f00', '--remove='], '--remove has an empty scope'],
    [['export', 'acme'], '--out is missing'],
    [['export', 'acme', '--to-bucket', '--since', '1d'], 'Leave out --out, --since and --until'],
    [['verify'], 'ID is missing'],
    [['verify', '--file='], '--file must name a file'],
    [['destroy', '--help'], 'There is no command destroy'],
    [['member'], 'There is no command member'],
    [['member', 'add', 'acme'], '--name is missing'],
    [['member', 'key', 'acme'], 'MEMBER_ID is missing'],
    [['member', 'remove', 'Acme', 'm1'], 'ID must have 1 to 63 characters'],
    [['client', 'add', '--name', 'CI'], 'needs --name NAME and --redirect URI'],
    [['grants', 'acme', '--name', 'x'], 'grants takes no --name'],
    [['member', 'add', 'acme', '--name', 'x', '--email', 'a@b', '--sub', 'c'], '--email or --sub, not both'],
    [['member', 'key', 'acme', 'm1', '--email', 'a@b'], 'member key takes no --email'],
    [['limits', 'acme', '--tool', 'a', '--tool', 'b', '--unset'], 'one tool at a time'],
    [['limits', 'acme', '--tool', 'LICENSE', 'src', '--set', 'rate=1'], 'quote the star: --tool "*"'],
  ])('%j is refused with a sentence', (argv, sentence) => {
    const error = failure(() => parseTenantCommand(argv));
    expect(error.message).toContain(sentence);
    expect(error.message).not.toContain('\n');
    expect(error.exitCode).toBe(2);
  });
});

test.each(COMMAND_NAMES)('the help of %s is in the list of commands, and explains it alone', (name) => {
  const [usage = ''] = tenantHelp(name).split('\n');
  expect(usage).toMatch(new RegExp(`^Usage: npm run -s tenant -- ${name}\\b.*\\[--json\\]$`));
  expect(tenantHelp()).toMatch(new RegExp(`^  ${name}(?: .*)?$`, 'm'));
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
  expect(failure(() => parseScopes(['cache:read,cash:read'], 'scope')).message).toContain(
    '--scope: there is no scope cash:read.',
  );
  expect(failure(() => parseScopes([''], 'scope')).message).toContain(
    '--scope has an empty scope. Use one of',
  );
});

describe('the port', () => {
  test.each([
    [undefined, 8787],
    ['', 8787],
    ['1', 1],
    ['65535', 65_535],
  ])('%j is %i', (text, port) => expect(parsePort(text, 'PORT')).toBe(port));

  test.each(['0', '65536', '-1', '80.5', 'http', '0x50', ' 80'])('%j is refused', (text) =>
    expect(failure(() => parsePort(text, 'PORT')).message).toContain('1 to 65535'),
  );

  test.each([
    [[], {}, { port: 8787, explorer: false }],
    [[], { PORT: '9000' }, { port: 9000, explorer: false }],
    [['--port', '9001', '--explorer'], { PORT: '9000' }, { port: 9001, explorer: true }],
    [['--port=9001'], { PORT: 'none' }, { port: 9001, explorer: false }],
  ])('of `start %j` with %j is known', (argv, env, command) => {
    expect(parseStartCommand(argv, env)).toEqual({ name: 'start', ...command });
  });

  test.each([
    [['--port', ''], '--port must be a whole number'],
    [['--port', '65536'], '--port must be a whole number'],
    [['--port'], '--port'],
    [['--prot', '9000'], "Unknown option '--prot'. See `npm start -- --help`."],
    [['9000'], "'9000'"],
  ])('of `start %j` is refused with a sentence', (argv, sentence) => {
    const { message } = failure(() => parseStartCommand(argv, {}));
    expect(message).toContain(sentence);
    expect(message).not.toContain('\n');
  });
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

  // What each is, is said by the table of the page that cmdQuote names.
  test.each([
    ['plain-word', 'plain-word'],
    ['two words', '"two words"'],
    ['', '""'],
    ['{"a":"b"}', '"{\\"a\\":\\"b\\"}"'],
    ['a\\b c', '"a\\b c"'],
    ['ends in \\', '"ends in \\\\"'],
    ['a \\" b', '"a \\\\\\" b"'],
  ])('%j is for cmd.exe %s', (text, quoted) => expect(cmdQuote(text)).toBe(quoted));

  test('for Windows, commands have no single quotes', () => {
    expect(claudeCodeCommand(connection, 'win32')).toContain('"Authorization: Bearer aa.bb-c_c.dd"');
    expect(curlCommand(connection, 'win32')).not.toContain("'");
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

  test('the whole text has commands that work in every shell', () => {
    const text = readyText(connection, {
      tenant: 'demo',
      expiresAt: '2026-12-01T00:00:00.000Z',
      key: 'bhk_k1.a.b',
    });
    expect(text).toMatch(/^See it work +npm run demo$/m);
    expect(text).toMatch(/^Manage tenants +npm run -s tenant -- list$/m);
  });
});

test('a table is aligned and shows nothing that could drive the terminal', () => {
  expect(
    table([
      ['ID', 'LABEL', 'STATE'],
      ['acme', '\u001b[31mred\u202e', 'live'],
    ]),
  ).toBe('ID    LABEL                    STATE\nacme  <U+001B>[31mred<U+202E>  live');
});

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1 KiB'],
  [1536, '1.5 KiB'],
  [1_073_741_824, '1 GiB'],
])('%i bytes are %s', (bytes, text) => expect(humanBytes(bytes)).toBe(text));
