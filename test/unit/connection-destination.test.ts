import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isInternalHost } from '../../src/connections/http/address.ts';
import { parseDestination } from '../../src/connections/http/destination.ts';
import { canCarrySecret, requestHeaders, responseHeaders } from '../../src/connections/http/headers.ts';
import { urlBelow } from '../../src/connections/http/path.ts';

const PRODUCTION = { ownOrigins: ['https://mcp.example.com'], isDevelopment: false };
const DEVELOPMENT = { ownOrigins: ['http://127.0.0.1:8787'], isDevelopment: true };
const problemOf = (url: string, internal = false, policy = PRODUCTION) => {
  const parsed = parseDestination(url, internal, policy);
  return parsed.ok ? undefined : parsed.error;
};

describe('where a connection may lead', () => {
  test.each([
    ['https://crm.example.com/api/', 'https://crm.example.com/api/'],
    ['https://crm.example.com/api', 'https://crm.example.com/api/'],
    ['https://CRM.Example.com', 'https://crm.example.com/'],
    ['https://crm.example.com:8443/v1', 'https://crm.example.com:8443/v1/'],
    ['https://93.184.216.34/', 'https://93.184.216.34/'],
    ['https://[2606:2800:220:1::1]/', 'https://[2606:2800:220:1::1]/'],
  ])('%s', (given, url) => {
    expect(parseDestination(given, false, PRODUCTION)).toEqual({ ok: true, value: url });
  });

  test.each([
    'http://crm.example.com/',
    'ftp://crm.example.com/',
    'https:///',
    'crm.example.com',
    'https://user@crm.example.com/',
    'https://user:pass@crm.example.com/',
    'https://crm.example.com/?a=1',
    'https://crm.example.com/#a',
    'https://crm.example.com/a/../b/',
    'https://crm.example.com/a/%2e%2e/b/',
    'https://crm.example.com/a%2fb/',
    'https://crm.example.com/a//b/',
    'https://crm.example.com\\api/',
    'https://crm.example.com/ api/',
    'https://crm.example.com./',
    'https://mcp.example.com/mcp/',
    'https://mcp.example.com:444/',
  ])('not %s', (url) => {
    expect(problemOf(url)).toBeTypeOf('string');
    expect(problemOf(url, true)).toBeTypeOf('string');
  });

  const INSIDE = [
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0x7f.1',
    '0177.0.0.1',
    '017700000001',
    '１２７.0.0.1',
    '127。0。0。1',
    '0.0.0.0',
    '0',
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '100.64.0.1',
    '169.254.169.254',
    '168.63.129.16',
    '100.100.100.200',
    '0xa9fea9fe',
    '2852039166',
    '198.18.0.1',
    '192.0.0.192',
    '224.0.0.1',
    '255.255.255.255',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[0:0:0:0:0:ffff:a9fe:a9fe]',
    '[::127.0.0.1]',
    '[64:ff9b::a00:1]',
    '[2002:7f00:1::]',
    '[2001:0:7f00:1::]',
    '[2001:db8::1]',
    '[fc00::1]',
    '[fd00:ec2::254]',
    '[fe80::1]',
    '[ff02::1]',
    'localhost',
    'LOCALHOST',
    'ⓛocalhost',
    'app.localhost',
    'metadata.google.internal',
    'printer.local',
    'intranet',
    'db.corp',
    'router.lan',
    'nas.home.arpa',
    'x.test',
    'x.example',
    'x.invalid',
    'x.onion',
    'kubernetes.default.svc',
    'db.service.consul',
    '7f000001.c0a80001.rbndr.us',
    '10.0.0.1.nip.io',
    'app.lvh.me',
    'localtest.me',
  ];

  test.each(INSIDE)('not https://%s/, unless the operator allows it', (host) => {
    expect(problemOf(`https://${host}/`)).toBeTypeOf('string');
    expect(problemOf(`https://${host}/`, true)).toBeUndefined();
  });

  test('this machine over http only in development, and not this server there', () => {
    for (const url of ['http://127.0.0.1:9000/', 'http://localhost:9000/', 'http://[::1]:9000/']) {
      expect(problemOf(url, false, DEVELOPMENT)).toBeUndefined();
      expect(problemOf(url, true)).toBeTypeOf('string');
    }
    expect(problemOf('http://192.168.1.1/', true, DEVELOPMENT)).toBeTypeOf('string');
    for (const own of ['http://127.0.0.1:8787/', 'http://localhost:8787/', 'http://[::1]:8787/'])
      expect(problemOf(own, true, DEVELOPMENT)).toContain('this server itself');
  });

  test('every address of a private network is one, however it is written', () => {
    const spelled = fc
      .tuple(
        fc.constantFrom<readonly [number, number]>(
          [10 * 2 ** 24, 24],
          [0x7f000000, 24],
          [0xa9fe0000, 16],
          [0xc0a80000, 16],
        ),
        fc.nat(2 ** 16 - 1),
        fc.constantFrom(
          (n: number) => String(n),
          (n: number) => `0x${n.toString(16)}`,
          (n: number) => `0${n.toString(8)}`,
          (n: number) => [24, 16, 8, 0].map((bits) => `0x${((n >>> bits) & 255).toString(16)}`).join('.'),
          (n: number) => `[::ffff:${(n >>> 16).toString(16)}:${(n & 0xffff).toString(16)}]`,
        ),
      )
      .map(([[network], rest, write]) => write((network + rest) >>> 0));
    fc.assert(
      fc.property(spelled, (host) => isInternalHost(new URL(`https://${host}/`).hostname)),
      { numRuns: 500 },
    );
  });
});

describe('where a request may go', () => {
  const PREFIX = 'https://crm.example.com/api/v1/';

  test.each([
    ['contacts', `${PREFIX}contacts`],
    ['', PREFIX],
    ['contacts/7?limit=5&q=a%2Fb', `${PREFIX}contacts/7?limit=5&q=a%2Fb`],
    ['contacts/', `${PREFIX}contacts/`],
    ['a%20b', `${PREFIX}a%20b`],
    ['100%25', `${PREFIX}100%25`],
    ['Zo%C3%AB', `${PREFIX}Zo%C3%AB`],
    ['x:y', `${PREFIX}x:y`],
    ['https:evil', `${PREFIX}https:evil`],
    ['a..b', `${PREFIX}a..b`],
    ['a;v=1', `${PREFIX}a;v=1`],
  ])('%s', (path, url) => {
    expect(String(urlBelow(PREFIX, path))).toBe(url);
  });

  test.each([
    '..',
    '../',
    '../admin',
    'a/../../b',
    'a/..',
    './a',
    '.',
    '/admin',
    '//evil.example.com/',
    '\\\\evil.example.com',
    'a\\..\\b',
    'a//b',
    'https://evil.example.com/',
    '%2e%2e/admin',
    '%2E%2E/admin',
    '.%2e/admin',
    '%2e',
    '%252e%252e/admin',
    '%25252e%25252e/admin',
    '..%2fadmin',
    'a%2fb',
    'a%2Fb',
    'a%252fb',
    'a%5cb',
    'a%255cb',
    '..;/admin',
    '..;x=1/admin',
    '%2e%2e;/admin',
    '．．/admin',
    '‥/admin',
    'a／b',
    '%EF%BC%8E%EF%BC%8E/admin',
    'a%EF%BC%8Fb',
    '%c0%ae%c0%ae/admin',
    '%25c0%25ae/admin',
    '%25f8%2580%2580%2580%25ae/admin',
    '%u002e%u002e/admin',
    '%25u002e%25u002e/admin',
    'a%00',
    'a\u0000',
    'a\nb',
    '\t/admin',
    'a b',
    'a#b',
    'a%zz',
    '%',
    '?a\nb',
    '?a#b',
    '%2525252525252e',
    'a'.repeat(5000),
  ])('not %j', (path) => {
    expect(urlBelow(PREFIX, path)).not.toBeInstanceOf(URL);
  });

  test('whatever a caller sends, it stays below the prefix', () => {
    const pieces = fc.constantFrom(
      '..',
      '.',
      '/',
      '%2e',
      '%2f',
      '%252e',
      '\\',
      '%5c',
      ';',
      '?',
      '@',
      ':',
      'a',
      '．',
      '／',
      '%',
      '#',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
        const url = urlBelow(PREFIX, parts.join(''));
        return !(url instanceof URL) || url.href.startsWith(PREFIX);
      }),
      { numRuns: 5000 },
    );
  });
});

describe('headers', () => {
  test('of credentials, of a hop and of the connection are its own', () => {
    const given = {
      x_crm_key: 'forged',
      X_Forwarded_For: '127.0.0.1',
      Accept: 'text/plain',
      Authorization: 'Bearer other',
      authorization: 'Bearer other',
      Cookie: 'a=b',
      'X-Api-Key': 'other',
      'Proxy-Authorization': 'x',
      Host: 'evil.example.com',
      Connection: 'X-Crm-Key',
      'Transfer-Encoding': 'chunked',
      'Content-Length': '0',
      'X-Forwarded-For': '10.0.0.1',
      'CF-Connecting-IP': '10.0.0.1',
      Traceparent: 'other',
      'X-CRM-Key': 'other',
      'X-Line': 'a\r\nX-Injected: b',
    };
    const headers = requestHeaders(given, { header: 'X-Crm-Key', secret: 'own', traceparent: 'trace' });
    expect(Object.fromEntries(headers)).toEqual({
      accept: 'text/plain',
      traceparent: 'trace',
      'x-crm-key': 'own',
    });
  });

  test.each(['Host', 'content-length', 'Transfer-Encoding', 'Connection', 'traceparent', 'a b', ''])(
    'a secret cannot be sent as %j',
    (name) => expect(canCarrySecret(name)).toBe(false),
  );

  test('cookies and challenges of a service are not read', () => {
    const headers = new Headers({ 'Set-Cookie': 'a=b', 'WWW-Authenticate': 'Basic', ETag: '"1"' });
    expect(responseHeaders(headers)).toEqual({ etag: '"1"' });
  });
});
