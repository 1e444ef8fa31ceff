import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createLog, type LogRecord } from '../../src/telemetry/log.ts';
import { describeCause, redactArgs, redactForLog } from '../../src/telemetry/redact.ts';
import { redactSecrets } from '../../src/telemetry/secrets.ts';

describe('known shapes of credentials', () => {
  test.each([
    ['Authorization: Bearer abcdef1234567890', 'Authorization: Bearer [redacted:authorization]'],
    ['Authorization: Bearer opensesame', 'Authorization: Bearer [redacted:authorization]'],
    ['basic dXNlcjpwYXNzd29yZA==', 'basic [redacted:authorization]'],
    ['key sk-proj-abcDEF1234567890abcdef', 'key [redacted:api_key]'],
    ['ghp_abcdefghijklmnopqrstuvwxyz0123', '[redacted:github_token]'],
    ['id AKIAIOSFODNN7EXAMPLE end', 'id [redacted:aws_key] end'],
    ['postgres://app:s3cr3t@db.internal/x', 'postgres://app:[redacted:url_password]@db.internal/x'],
    ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl', '[redacted:jwt]'],
    ['password=hunter2', 'password=[redacted:assignment]'],
    ['"api_key": "abcd-efgh"', '"api_key": "[redacted:assignment]"'],
    ['DB_PASSWORD: swordfish', 'DB_PASSWORD: [redacted:assignment]'],
    ['-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----', '[redacted:private_key]'],
  ])('%s', (text, expected) => {
    expect(redactSecrets(text)).toEqual({ text: expected, count: 1 });
  });

  test.each([
    'the token expired',
    'a secret is needed',
    'HTTP 401 from https://example.com/x',
    'max_tokens 4096',
    'Bearer auth',
    'Authorization: Bearer authentication',
    'Authorization: Bearer $TOKEN_OF_CI',
  ])('%s stays as it is', (text) => {
    expect(redactSecrets(text)).toEqual({ text, count: 0 });
  });

  test('redacting twice changes nothing more', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), (text) => {
        const once = redactSecrets(text).text;
        expect(redactSecrets(once).text).toBe(once);
      }),
    );
  });
});

test('the name of a tool that a refused request asks for is redacted and cut', () => {
  const lines: unknown[] = [];
  const log = createLog(
    { level: 'info', format: 'object' },
    () => 0,
    (line) => void lines.push(line),
  );
  for (const tool of ['blackboard_write', 'token = "cioMdpjY4dnoGESrz3FhVfW6"', 'x'.repeat(100)])
    log({ level: 'warn', event: 'request.refused', tool });
  expect(lines).toMatchObject([
    { tool: 'blackboard_write' },
    { tool: 'token = "[redacted:assignment]"' },
    { tool: `${'x'.repeat(64)}…` },
  ]);
});

describe('a percent-encoded text', () => {
  const token = 'ghp_abcdefghijklmnopqrstuvwxyz0123456789';
  test.each([
    [`/v1/tools/used%20${token}`, '/v1/tools/used [redacted:github_token]'],
    ['/v1/tools/password%3Dhunter2', '/v1/tools/password=[redacted:assignment]'],
    ['/v1/tools/a%20b?password=a%20b', '/v1/tools/a%20b?password=[redacted:assignment]'],
    ['/v1/tools/a%20b%E0%A4', '/v1/tools/a%20b%E0%A4'],
    [`/v1/tools/%E0%A4%20${token}`, '/v1/tools/\ufffd [redacted:github_token]'],
    [`/v1/tools/%C3%A9${token}`, '/v1/tools/é[redacted:github_token]'],
  ])('%s', (text, expected) => {
    expect(redactForLog(text, 256)).toBe(expected);
  });

  test('that is cut shows no part of a credential', () => {
    for (let before = 3000; before < 3090; before++) {
      const line = redactForLog(`${'a'.repeat(before)}%20${token}${'b%20'.repeat(600)}`, 4096);
      expect(line).not.toContain('ghp_abcd');
    }
  });
});

describe('arguments in a log line', () => {
  test('each field appears as its policy says, an unknown one never', () => {
    const args = {
      name: 'plan',
      id: 'abc',
      note: 'hello',
      items: [1, 2],
      batch: [
        { key: 'a', value: 'secret value' },
        { key: 'token=ghp_0123456789abcdefghijklmnopqrstuvwxyz' },
        7,
      ],
      value: 'secret value',
      extra: 'unknown',
    };
    const policies = {
      name: 'plain',
      id: 'hash',
      note: 'length',
      items: 'length',
      batch: 'keys',
      value: 'omit',
      absent: 'plain',
    } as const;
    expect(redactArgs(args, policies)).toEqual({
      name: 'plan',
      id: { sha256: expect.stringMatching(/^[0-9a-f]{16}$/) },
      note: { chars: 5 },
      items: { items: 2 },
      batch: { items: 3, keys: ['a', expect.stringContaining('[redacted:')] },
    });
  });

  test('long texts and lists are cut, objects are not shown, credentials are redacted', () => {
    const logged = redactArgs(
      {
        text: 'x'.repeat(1000),
        list: Array(100).fill('y'),
        object: { a: 1 },
        key: 'Bearer abcdef1234567890',
      },
      { text: 'plain', list: 'plain', object: 'plain', key: 'plain' },
    );
    expect(String(logged.text)).toHaveLength(129);
    expect(logged.list).toHaveLength(20);
    expect(logged.object).toEqual({ type: 'object' });
    expect(logged.key).toBe('Bearer [redacted:authorization]');
  });

  test.each([null, undefined, 'text', 7, []])('%j as arguments logs nothing', (args) => {
    expect(redactArgs(args, { a: 'plain' })).toEqual({});
  });

  test('an argument is cut out of a cause whole, also where the message is cut, and out of its stack', () => {
    const hidden = ['private words of a caller', `long text: ${'w '.repeat(3000)}`];
    const cause = (before: number) =>
      describeCause(
        new Error(`${'- '.repeat(before)}${hidden[0]}, ${hidden[1]}\n    at ${hidden[0]}`),
        { hidden },
        { hidden: 'omit' },
      );
    for (const before of [0, 100, 200, 290, 1500, 2040, 2045]) {
      const { message, stack } = cause(before);
      expect(`${message} ${stack.join(' ')}`).not.toMatch(/private|words|caller|long|w w/);
    }
    expect(cause(0).message).toBe('[argument], [argument]…');
  });

  test('no text of a field that is not plain survives in a cause', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 3, maxLength: 40 }),
        fc.string({ maxLength: 40 }),
        (hidden, around) => {
          fc.pre(!'[argument]'.includes(hidden) && !around.includes(hidden));
          const { message } = describeCause(
            new Error(`${around}<${hidden}>`),
            { value: [{ deep: hidden }] },
            { value: 'omit' },
          );
          expect(message).not.toContain(`<${hidden}>`);
        },
      ),
    );
  });
});

describe('the log', () => {
  const record: LogRecord = { level: 'info', event: 'tool.call', tool: 'x' };

  test('one JSON line a record, with its time first', () => {
    const lines: unknown[] = [];
    createLog(
      { level: 'info', format: 'json' },
      () => 0,
      (line) => lines.push(line),
    )(record);
    expect(lines).toEqual([
      '{"ts":"1970-01-01T00:00:00.000Z","level":"info","event":"tool.call","tool":"x"}',
    ]);
  });

  test('the object itself where the platform indexes fields', () => {
    const lines: unknown[] = [];
    createLog(
      { level: 'info', format: 'object' },
      () => 0,
      (line) => lines.push(line),
    )(record);
    expect(lines).toEqual([{ ts: '1970-01-01T00:00:00.000Z', ...record }]);
  });

  test('what a client chose is clipped and without credentials, whoever wrote the record', () => {
    const lines: unknown[] = [];
    const log = createLog({ level: 'info', format: 'object' }, undefined, (line) => lines.push(line));
    const secret = 'password=hunter2';
    log({
      ...record,
      path: `/v1/${secret}`,
      http_method: 'M'.repeat(1000),
      client_name: secret,
      client_version: secret,
      protocol_version: secret,
    });
    const redacted = 'password=[redacted:assignment]';
    expect(lines).toMatchObject([
      {
        path: `/v1/${redacted}`,
        http_method: `${'M'.repeat(32)}…`,
        client_name: redacted,
        client_version: redacted,
        protocol_version: redacted,
      },
    ]);
  });

  test('records below the level are left out', () => {
    const lines: unknown[] = [];
    const log = createLog(
      { level: 'warn', format: 'json' },
      () => 0,
      (line) => lines.push(line),
    );
    log(record);
    log({ ...record, level: 'warn' });
    expect(lines).toHaveLength(1);
  });

  test('a record that cannot be written is lost in silence', () => {
    const log = createLog(
      { level: 'info', format: 'json' },
      () => 0,
      () => {
        throw new Error('no sink');
      },
    );
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    expect(() => log({ ...record, args: circular })).not.toThrow();
    expect(() => log(record)).not.toThrow();
  });
});

test('a text is shown in the same way whatever was logged before it, and however often', () => {
  const text = fc.oneof(
    fc.constantFrom('claude-code', 'password=hunter2', 'key sk-proj-abcDEF1234567890abcdef', 'plan/step-1'),
    fc.string({ maxLength: 200 }),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(text, fc.integer({ min: 1, max: 160 })), { maxLength: 40 }), (logged) => {
      for (const [one, max] of [...logged, ...logged]) {
        const { text: redacted } = redactSecrets(one);
        const expected = redacted.length <= max ? redacted : `${redacted.slice(0, max).toWellFormed()}…`;
        expect(redactForLog(one, max)).toBe(expected);
      }
    }),
  );
});
