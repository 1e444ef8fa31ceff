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

function write(text: string, mode = 0o600): void {
  const path = join(directory, 'connections.json');
  writeFileSync(path, text);
  chmodSync(path, mode);
}

test('is optional, and gives connections as their user has written them', () => {
  expect(readConnections(directory)).toBeUndefined();
  write(JSON.stringify({ crm }));
  const connections = readConnections(directory);
  expect(connections?.('crm')).toEqual({
    name: 'crm',
    target: { kind: 'http', url: 'http://127.0.0.1:9000/api/', header: 'X-Key', internal: false },
    secret: { form: 'plain', value: CANARY },
  });
  expect(connections?.('erp')).toBeUndefined();
  expect(connections?.('constructor')).toBeUndefined();
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
