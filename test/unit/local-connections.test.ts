import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readConnections } from '../../src/local/connections.ts';

/** The file of connections that the user of the local server writes. */

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'bulkhead-connections-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const CANARY = 'CANARY-IN-A-FILE';
const crm = { kind: 'http', url: 'http://127.0.0.1:9000/api', header: 'X-Key', secret: CANARY };

const KEY = `k1:${Buffer.alloc(32, 7).toString('base64url')}`;
const tickets = { kind: 'postgres', url: `postgres://bulkhead_tools:${CANARY}@db/shop`, key: KEY };

function write(text: string, mode = 0o600): void {
  const path = join(directory, 'connections.json');
  writeFileSync(path, text);
  chmodSync(path, mode);
}

test('is optional, and gives connections as their user has written them', () => {
  expect(readConnections(directory).find('crm')).toBeUndefined();
  write(JSON.stringify({ crm, tickets }));
  const { find, access } = readConnections(directory);
  expect(find('crm')).toEqual({
    name: 'crm',
    target: { kind: 'http', url: 'http://127.0.0.1:9000/api/', header: 'X-Key', internal: false },
    secret: { form: 'plain', value: CANARY },
  });
  expect(find('tickets')).toEqual({ name: 'tickets', target: { kind: 'postgres', database: 'tickets' } });
  expect(access.database('tickets')).toBeTypeOf('function');
  expect(find('erp')).toBeUndefined();
  expect(find('constructor')).toBeUndefined();
  expect(access.database('constructor')).toBeUndefined();
});

const oauth = {
  grant: 'refresh_token',
  token_url: 'http://127.0.0.1:9000/token',
  client_id: 'bulkhead',
  client_auth: 'none',
  refresh_token: `${CANARY}-0`,
};
const byOAuth = { kind: 'http', url: 'http://127.0.0.1:9000/api', oauth };

test('has credentials by OAuth, whose refresh tokens are stored beside it when they are replaced', async () => {
  write(JSON.stringify({ crm: byOAuth }));
  const { find, access } = readConnections(directory);
  expect(find('crm')).toMatchObject({
    target: { header: 'Authorization', oauth: { grant: 'refresh_token', clientId: 'bulkhead' } },
    secret: { form: 'plain', value: JSON.stringify({ refresh: `${CANARY}-0` }) },
  });
  const lease = await access.tokens.request('crm', undefined);
  if (lease.kind !== 'leased') throw new Error(lease.kind);
  // Another process does not use the same refresh token meanwhile.
  const other = readConnections(directory).access.tokens;
  expect(await other.request('crm', undefined)).toEqual({ kind: 'wait' });
  const plain = (value: string) => ({ form: 'plain', value }) as const;
  const settled = {
    lease: lease.lease,
    token: { value: plain('CANARY-ACCESS'), obtainedAt: Date.now(), expiresAt: Date.now() + 60_000 },
    secret: plain(JSON.stringify({ refresh: `${CANARY}-1` })),
  };
  expect(await access.tokens.settle('crm', settled)).toBe(true);
  expect(await access.tokens.request('crm', undefined)).toMatchObject({ kind: 'token' });
  expect(await other.request('crm', undefined)).toMatchObject({
    kind: 'leased',
    secret: plain(JSON.stringify({ refresh: `${CANARY}-1` })),
  });
  const file = join(directory, 'connection-tokens.json');
  expect(statSync(file).mode & 0o077).toBe(0);
  expect(readFileSync(file, 'utf8')).not.toContain('ACCESS');
  // What the user enters takes the place of what was stored.
  write(JSON.stringify({ crm: { ...byOAuth, oauth: { ...oauth, refresh_token: `${CANARY}-2` } } }));
  expect(await readConnections(directory).access.tokens.request('crm', undefined)).toEqual({ kind: 'wait' });
  expect(await other.settle('crm', { lease: 'unknown' })).toBe(false);
});

test.each([
  [
    'with a token endpoint inside',
    JSON.stringify({ crm: { ...byOAuth, oauth: { ...oauth, token_url: 'https://10.0.0.1/t' } } }),
    0o600,
    'crm.oauth.token_url',
  ],
  [
    'without the secret of a client',
    JSON.stringify({ crm: { ...byOAuth, oauth: { ...oauth, client_auth: 'client_secret_post' } } }),
    0o600,
    'crm.oauth.client_secret',
  ],
  ['with two credentials', JSON.stringify({ crm: { ...crm, oauth } }), 0o600, 'crm.oauth'],
  ['that others can read', JSON.stringify({ crm }), 0o640, 'chmod 600'],
  ['that is not JSON', `{"crm": ${CANARY}`, 0o600, 'not valid'],
  ['with another name', JSON.stringify({ CRM: crm }), 0o600, 'CRM'],
  ['with a wrong URL', JSON.stringify({ crm: { ...crm, url: `ftp://${CANARY}/` } }), 0o600, 'crm.url'],
  [
    'with an address inside',
    JSON.stringify({ crm: { ...crm, url: 'https://10.0.0.1/' } }),
    0o600,
    'not public',
  ],
  ['with a wrong header', JSON.stringify({ crm: { ...crm, header: 'Host' } }), 0o600, 'crm.header'],
  [
    'with a secret of two lines',
    JSON.stringify({ crm: { ...crm, secret: `${CANARY}\n` } }),
    0o600,
    'crm.secret',
  ],
  ['with a wrong key', JSON.stringify({ tickets: { ...tickets, key: CANARY } }), 0o600, 'tickets.key'],
  ['with a word too many', JSON.stringify({ crm: { ...crm, more: CANARY } }), 0o600, 'crm'],
  ['that is very large', ' '.repeat(300_000), 0o600, 'larger than'],
])('one %s is refused in a sentence without its secrets', (_name, text, mode, sentence) => {
  write(text, mode);
  let message = '';
  try {
    readConnections(directory);
  } catch (cause) {
    message = String(cause);
  }
  expect(message).toMatch(/^DataError: .*connections\.json/);
  expect(message).toContain(sentence);
  expect(message).not.toContain('CANARY');
});
