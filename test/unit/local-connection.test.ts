import { Client } from '@modelcontextprotocol/client';
import { InMemoryTransport } from '@modelcontextprotocol/server';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { catalogue } from '../../src/catalogue.ts';
import { Connection } from '../../src/local/connection.ts';
import { openDatabase } from '../../src/local/database.ts';
import { ListenSubscriptions } from '../../src/local/listen-subscriptions.ts';
import type { LocalTenantOptions } from '../../src/local/tenant.ts';
import { PublishedTools } from '../../src/mcp/published-tools.ts';
import { MAX_CHANGES } from '../../src/tools/blackboard/changes.ts';
import { GENEROUS } from '../support/compartment.ts';
import { START } from '../support/fake-time.ts';
import { openLocal, TemporaryDirectory, type TestLocal } from '../support/local.ts';

let directory: TemporaryDirectory;
let opened: TestLocal[] = [];
beforeEach(() => {
  directory = new TemporaryDirectory();
  opened = [];
});
afterEach(() => {
  vi.useRealTimers();
  for (const local of opened) local.tenant.close();
  directory.remove();
});

function open(host?: LocalTenantOptions['host']): TestLocal {
  const local = openLocal(directory.file, host);
  opened.push(local);
  return local;
}

const connect = (local: TestLocal, era: 'legacy' | 'modern', subscriptions = new ListenSubscriptions()) =>
  Connection.open({
    tenant: local.tenant,
    tools: new PublishedTools(catalogue.tools),
    era,
    subscriptions,
    spans: undefined,
    whenWritable: async () => {},
  });
const sessions = (local: TestLocal) => local.db.exec('SELECT id, attached FROM sessions');

test('a connection waits while the limits have no room for it, and does not wait for ever', async () => {
  const limits = { tenant: GENEROUS, tool: { rate: 20, burst: 1 } };
  const local = open({ limits });
  await connect(local, 'legacy');
  await connect(local, 'legacy');
  expect(sessions(local)).toHaveLength(2);
  // A clock that stands still refills nothing, but the stored bucket may have been refilled meanwhile.
  const stopped = open({ limits, clock: () => START });
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  const first = connect(stopped, 'legacy').catch(() => undefined);
  const second = first.then(() => connect(stopped, 'legacy'));
  const refused = expect(second).rejects.toThrow('did not open a session');
  await vi.advanceTimersByTimeAsync(60_000);
  await refused;
});

test('a connection that ends takes its session along, whichever era it was of', async () => {
  const local = open();
  for (const era of ['legacy', 'modern'] as const) {
    const { server } = await connect(local, era);
    const [, wire] = InMemoryTransport.createLinkedPair();
    await server.connect(wire);
    // A 2025 client is told of nothing until it says that it is ready.
    expect(sessions(local)).toMatchObject([{ attached: era === 'modern' ? 1 : 0 }]);
    await server.close();
    expect(sessions(local)).toEqual([]);
  }
});

test('a call for which the token of the file lacks the scope says which one, and how it is added', async () => {
  const local = open();
  const other = openDatabase(directory.file);
  other.exec("UPDATE tokens SET scopes = 'cache:read'");
  other.close();
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  const { server } = await connect(local, 'legacy');
  await server.connect(theirs);
  const client = new Client({ name: 'agent', version: '1' });
  await client.connect(ours);
  expect(await client.callTool({ name: 'scar_list', arguments: {} })).toMatchObject({
    isError: true,
    content: [{ text: expect.stringContaining('scopes ID TOKEN_ID --add scar:read') }],
    structuredContent: { error: { code: 'forbidden', scope: 'scar:read' } },
  });
  await client.close();
});

test('more changes than can be told one by one are told as a change of all that is listened to', async () => {
  const [local, other] = [open(), open()];
  const subscriptions = new ListenSubscriptions();
  const uris = ['blackboard://default/a', 'blackboard://default/never%2Fthere'];
  subscriptions.register({
    jsonrpc: '2.0',
    id: 1,
    method: 'subscriptions/listen',
    params: { notifications: { resourceSubscriptions: uris } },
  });
  const [client, wire] = InMemoryTransport.createLinkedPair();
  const told: unknown[] = [];
  client.onmessage = (message) => void told.push('params' in message ? message.params?.uri : 'list');
  const { server } = await connect(local, 'modern', subscriptions);
  await Promise.all([client.start(), server.connect(wire)]);
  for (let n = 0; n <= MAX_CHANGES; n++) {
    await other.answer('blackboard_write', { key: `elsewhere/${n}`, value: n });
  }
  expect(told).toEqual([]);
  local.tenant.announceForeignWrites();
  await expect.poll(() => told).toEqual([...uris, 'list']);
});

test('what others write is looked for all the time, and what has expired is swept soon after the start', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
  const [local, other] = [open(), open()];
  local.tenant.start();
  const watching = local.answer('blackboard_watch', { since_rev: 0, wait_s: 25 });
  await other.answer('blackboard_write', { key: 'k', value: 1 });
  await vi.advanceTimersByTimeAsync(100);
  expect(await watching).toMatchObject({ events: [{ key: 'k' }] });

  const expired = () =>
    local.db.exec(
      `INSERT INTO sessions (id, kind, principal, client, list_changed, rev, seen_at)
       VALUES ('expired', 'session', 'p', '{}', 1, 0, 0)`,
    );
  for (const ms of [1000, 3_600_000, 3_600_000]) {
    expired();
    await vi.advanceTimersByTimeAsync(ms);
    expect(sessions(local)).toEqual([]);
  }
});
