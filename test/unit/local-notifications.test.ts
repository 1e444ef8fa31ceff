import { InMemoryTransport, Server } from '@modelcontextprotocol/server';
import { describe, expect, test } from 'vitest';
import { ListenSubscriptions, MAX_LISTEN_REQUESTS } from '../../src/local/listen-subscriptions.ts';
import { NotificationQueue } from '../../src/local/notification-queue.ts';
import { MAX_SUBSCRIPTIONS } from '../../src/transport-tools/session-room.ts';

const listen = (id: number, resourceSubscriptions: string[]) =>
  ({
    jsonrpc: '2.0',
    id,
    method: 'subscriptions/listen',
    params: { notifications: { resourceSubscriptions } },
  }) as const;

describe('what a 2026 client listens to', () => {
  test('is notified once for each subscription, by the first URI that it used', () => {
    const subscriptions = new ListenSubscriptions();
    const uris = ['blackboard://r/team%2Fplan', 'BLACKBOARD://r/team/plan', 'blackboard://r/team/plan'];
    subscriptions.register(listen(1, [...uris, 'blackboard://r/other', 'file:///etc']));
    subscriptions.register(listen(2, uris.slice(1)));
    expect(subscriptions.urisOf({ run_id: 'r', key: 'team/plan' })).toEqual(uris.slice(0, 2));
    expect(subscriptions.urisOf({ run_id: 'x', key: 'team/plan' })).toEqual([]);
    // Keys are stored composed, whatever form they were written in.
    subscriptions.register(listen(3, ['blackboard://r/cafe%CC%81']));
    expect(subscriptions.urisOf({ run_id: 'r', key: 'café' })).toEqual(['blackboard://r/cafe%CC%81']);
  });

  test('is forgotten when it is cancelled or answered', () => {
    const subscriptions = new ListenSubscriptions();
    subscriptions.register(listen(1, ['blackboard://r/a']));
    subscriptions.register(listen(2, ['blackboard://r/b']));
    expect(subscriptions.allUris()).toHaveLength(2);
    subscriptions.register({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } });
    subscriptions.remove(2);
    expect(subscriptions.allUris()).toEqual([]);
  });

  test('is bounded', () => {
    const subscriptions = new ListenSubscriptions();
    const many = Array.from({ length: MAX_SUBSCRIPTIONS + 1 }, (_, n) => `blackboard://r/${n}`);
    expect(subscriptions.register(listen(0, many))).toContain(String(MAX_SUBSCRIPTIONS));
    expect(subscriptions.allUris()).toEqual([]);
    for (let id = 1; id <= MAX_LISTEN_REQUESTS; id++)
      expect(subscriptions.register(listen(id, []))).toBeUndefined();
    expect(subscriptions.register(listen(0, []))).toContain(String(MAX_LISTEN_REQUESTS));
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
  const queue = new NotificationQueue(server, () => room.promise);
  for (let n = 0; n < 100; n++) queue.add(['a', 'b'], n === 7);
  expect(told).toEqual([]);
  room.resolve();
  await expect.poll(() => told).toEqual(['a', 'b', 'notifications/resources/list_changed']);
  room = Promise.withResolvers();
  room.resolve();
  queue.add(['a'], false);
  await expect.poll(() => told.at(-1)).toBe('a');
  await server.close();
  queue.add(['a'], true);
  await new Promise((resolve) => setImmediate(resolve));
  expect(told).toHaveLength(4);
});
