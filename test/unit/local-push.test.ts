import { InMemoryTransport, Server } from '@modelcontextprotocol/server';
import { describe, expect, test } from 'vitest';
import { Listens, MAX_LISTENS } from '../../src/local/listens.ts';
import { Push } from '../../src/local/push.ts';
import { MAX_SUBSCRIPTIONS } from '../../src/transport-tools/session-store.ts';

const listen = (id: number, resourceSubscriptions: string[]) =>
  ({
    jsonrpc: '2.0',
    id,
    method: 'subscriptions/listen',
    params: { notifications: { resourceSubscriptions } },
  }) as const;

describe('what a 2026 client listens to', () => {
  test('is told in the spelling that it used, and in every one of them once', () => {
    const listens = new Listens();
    const spellings = ['blackboard://r/team%2Fplan', 'BLACKBOARD://r/team/plan', 'blackboard://r/team/plan'];
    listens.received(listen(1, [...spellings, 'blackboard://r/other', 'file:///etc']));
    listens.received(listen(2, spellings.slice(1)));
    expect(listens.spellings({ run_id: 'r', key: 'team/plan' })).toEqual(spellings);
    expect(listens.spellings({ run_id: 'x', key: 'team/plan' })).toEqual([]);
    // Keys are kept composed, whatever form they were written in.
    listens.received(listen(3, ['blackboard://r/cafe%CC%81']));
    expect(listens.spellings({ run_id: 'r', key: 'café' })).toEqual(['blackboard://r/cafe%CC%81']);
  });

  test('is forgotten when it is cancelled or answered', () => {
    const listens = new Listens();
    listens.received(listen(1, ['blackboard://r/a']));
    listens.received(listen(2, ['blackboard://r/b']));
    expect(listens.uris()).toHaveLength(2);
    listens.received({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } });
    listens.answered(2);
    expect(listens.uris()).toEqual([]);
  });

  test('is bounded', () => {
    const listens = new Listens();
    const many = Array.from({ length: MAX_SUBSCRIPTIONS + 1 }, (_, n) => `blackboard://r/${n}`);
    expect(listens.received(listen(0, many))).toContain(String(MAX_SUBSCRIPTIONS));
    expect(listens.uris()).toEqual([]);
    for (let id = 1; id <= MAX_LISTENS; id++) expect(listens.received(listen(id, []))).toBeUndefined();
    expect(listens.received(listen(0, []))).toContain(String(MAX_LISTENS));
  });
});

test('a client that reads slowly is told once of what changed many times', async () => {
  const [client, wire] = InMemoryTransport.createLinkedPair();
  const told: string[] = [];
  client.onmessage = (message) => {
    const uri = 'params' in message ? message.params?.uri : undefined;
    told.push(String(uri ?? Reflect.get(message, 'method')));
  };
  await client.start();
  const server = new Server(
    { name: 'test', version: '1' },
    { capabilities: { resources: { subscribe: true, listChanged: true } } },
  );
  await server.connect(wire);
  let room = Promise.withResolvers<void>();
  const push = new Push(server, () => room.promise);
  for (let n = 0; n < 100; n++) push.tell(['a', 'b'], n === 7);
  expect(told).toEqual([]);
  room.resolve();
  await expect.poll(() => told).toEqual(['a', 'b', 'notifications/resources/list_changed']);
  room = Promise.withResolvers();
  room.resolve();
  push.tell(['a'], false);
  await expect.poll(() => told.at(-1)).toBe('a');
  await server.close();
  push.tell(['a'], true);
  await new Promise((resolve) => setImmediate(resolve));
  expect(told).toHaveLength(4);
});
