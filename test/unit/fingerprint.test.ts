import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fingerprintOf, subjectOf } from '../../src/tools/scar/fingerprint.ts';
import { foldCode, foldErrorType, foldTool } from '../../src/tools/scar/names.ts';
import { normalise } from '../../src/tools/scar/normalise.ts';
import vectors from '../vectors/fingerprint-v2.json' with { type: 'json' };

const of = (error_message: string) => fingerprintOf({ error_type: 'E', error_message });

describe('the vectors of version 2', () => {
  test.each(vectors.map((vector) => [vector.name, vector] as const))('%s', (_name, vector) => {
    expect(subjectOf(vector.input)).toBe(vector.normalised);
    expect(fingerprintOf(vector.input)).toBe(vector.fingerprint);
  });

  test('different failures have different fingerprints', () => {
    const byIdentity = new Map(
      vectors.map(({ input, normalised, fingerprint }) => {
        const { tool = '', error_type, error_code = '' } = input;
        const names = [input.project, foldTool(tool), foldErrorType(error_type), foldCode(error_code)];
        return [JSON.stringify([names, normalised]), fingerprint];
      }),
    );
    expect(new Set(byIdentity.values()).size).toBe(byIdentity.size);
  });
});

describe('what differs between two failures', () => {
  const base = { project: 'p', tool: 't', error_type: 'E', error_code: 'c', error_message: 'm' };

  test.each([
    ['project', { ...base, project: 'q' }],
    ['tool', { ...base, tool: 'u' }],
    ['error_type', { ...base, error_type: 'F' }],
    ['error_code', { ...base, error_code: 'd' }],
    ['error_message', { ...base, error_message: 'n' }],
    ['an absent part', { tool: 't', error_type: 'E', error_code: 'c', error_message: 'm' }],
    ['a part in another place', { ...base, project: 't', tool: 'p' }],
  ])('%s', (_name, other) => {
    expect(fingerprintOf(other)).not.toBe(fingerprintOf(base));
  });

  test('the context does not count next to a message', () => {
    expect(fingerprintOf({ ...base, context: 'x' })).toBe(fingerprintOf(base));
  });

  test('a JSON body is told apart by what it says, not by its ids', () => {
    const body = (type: string, message: string, id: string) =>
      JSON.stringify({ error: { type, message }, id });
    const overloaded = of(body('overloaded_error', 'Overloaded', 'abc'));
    expect(of(body('overloaded_error', 'Overloaded', 'xyz'))).toBe(overloaded);
    expect(of(body('invalid_request_error', 'Overloaded', 'abc'))).not.toBe(overloaded);
    expect(of(body('overloaded_error', 'Prompt is too long', 'abc'))).not.toBe(overloaded);
  });
});

const hex = (length: number) =>
  fc.array(fc.constantFrom(...'0123456789abcdef'), { minLength: length, maxLength: length });
const join = (parts: string[]) => parts.join('');
const name = fc
  .array(fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz'), { minLength: 1, maxLength: 12 })
  .map(join);
const time = fc.date({
  min: new Date('2000-01-01T00:00:00Z'),
  max: new Date('2099-12-31T00:00:00Z'),
  noInvalidDate: true,
});

/** What changes from one occurrence of a failure to the next. */
const VARIABLE: readonly (readonly [string, fc.Arbitrary<string>])[] = [
  ['a UUID', fc.uuid()],
  ['an ISO time', time.map((at) => at.toISOString())],
  ['an HTTP time', time.map((at) => at.toUTCString())],
  ['a number', fc.integer({ min: 1000 }).map(String)],
  ['a path', fc.array(name, { minLength: 2, maxLength: 6 }).map((parts) => `/${parts.join('/')}`)],
  [
    'a place in a file',
    fc
      .tuple(name, name, fc.integer({ min: 1, max: 99_999 }), fc.nat(200))
      .map(([a, b, line, column]) => `/src/${a}/${b}.ts:${line}:${column}`),
  ],
  [
    'a Windows path',
    fc.array(name, { minLength: 1, maxLength: 5 }).map((parts) => `C:\\${parts.join('\\')}`),
  ],
  ['a URL', fc.webUrl({ withQueryParameters: true }).map((url) => url.replaceAll("'", ''))],
  ['an e-mail address', fc.tuple(name, name).map(([user, host]) => `${user}@${host}.example.com`)],
  ['an IPv4 address', fc.ipV4()],
  ['a hex address', hex(12).map((digits) => `0x${digits.join('')}`)],
  ['a commit', hex(38).map((digits) => `a1${digits.join('')}`)],
  ['an id of a request', hex(30).map((digits) => `req_z9${digits.join('')}`)],
  [
    'a quoted value that is no name in code',
    // With a slash it may be the name of a class, such as com/acme/Cart.
    fc.string({ maxLength: 60 }).map((value) => `'%${value.replace(/['"`‘“\\\n\d/]/g, '')}'`),
  ],
  ['a key', hex(32).map((digits) => `sk-${digits.join('')}`)],
];

describe('properties', () => {
  test.each(VARIABLE)('%s does not tell failures apart', (_name, value) => {
    fc.assert(
      fc.property(value, value, fc.integer({ min: 100, max: 999 }), (a, b, code) => {
        const message = (varying: string) => `HTTP ${code} while handling ${varying} in worker`;
        expect(of(message(a))).toBe(of(message(b)));
        expect(normalise(message(a))).toContain(`http ${code} while handling <`);
      }),
    );
  });

  test('three-digit codes tell failures apart, whatever stands around them', () => {
    const code = fc.integer({ min: 100, max: 999 });
    const noise = fc.constantFrom(
      'status %',
      'HTTP % from https://example.com/x',
      '(%)',
      'code=%, retry',
      '"%"',
      'E%:',
    );
    fc.assert(
      fc.property(code, code, noise, (a, b, template) => {
        fc.pre(a !== b);
        expect(of(template.replace('%', String(a)))).not.toBe(of(template.replace('%', String(b))));
      }),
    );
  });

  test('case and white space do not count, and the subject has neither', () => {
    fc.assert(
      fc.property(fc.lorem({ maxCount: 12 }), (message) => {
        expect(of(message.toUpperCase().replaceAll(' ', '\n\t '))).toBe(of(message));
      }),
    );
  });

  test('any text at all has a subject on one line', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
        expect(normalise(text)).not.toMatch(/[\n\r\t]| {2}|^ | $/);
      }),
    );
  });
});

const MAX_BYTES = 8192;
const SEEDS = [
  ...[
    'a',
    '0',
    '-',
    ':',
    '/',
    '\\',
    '.',
    '"',
    "'",
    '`',
    '“',
    '‘',
    '«',
    ' ',
    '@',
    '<',
    '[',
    '%',
    '\n',
    'é',
    '数',
  ],
  ...[
    'a:',
    'a.',
    'a/',
    '/a',
    'a-',
    'a_',
    'a@',
    '@a.',
    'a@a.',
    'a+/',
    'a,"',
    '"\\',
    '\\"',
    "'a",
    '"a',
    '{"a":',
  ],
  ...[
    '0-',
    '0:',
    '0.',
    '1.1.1.',
    '1/1/',
    '01:',
    '0a',
    '0x',
    '::',
    '[::',
    'deadbee',
    '2026-01-01T',
    'jan 1 ',
    'mon, ',
  ],
  ...[
    'a://',
    'a://.',
    'c:\\',
    '\\\\a',
    '~/',
    './a',
    '../',
    '[redacted:',
    '<secret>',
    'token=',
    "token='",
    '--token ',
  ],
  ...[
    'arn:a:',
    '1.11.',
    'v11.1.',
    '1h',
    '1,000',
    '1 m',
    'line 1',
    'line ',
    'package a/',
    "column 'a'",
    "`a'",
    '"aa aa ',
  ],
  ...['-----BEGIN PRIVATE KEY-----', 'Bearer ', 'sk-', 'eyJ', 'a://a:', 'cookie:', '-u a:', '{"message":"'],
];

// A pattern that backtracks badly does not come back within the time that a test has.
test.each(SEEDS)('8 KiB of %j are normalised', (seed) => {
  for (const tail of ['', '!', '"', ' x', '\n']) {
    const text = seed.repeat(Math.ceil(MAX_BYTES / seed.length)).slice(0, MAX_BYTES - tail.length) + tail;
    expect(normalise(text)).toBeTypeOf('string');
  }
});
