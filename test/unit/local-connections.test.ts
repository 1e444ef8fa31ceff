import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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

test.each([
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
