import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Place } from '../support/raw-eras.ts';
import { LIST, LISTENERS, type PushClient, writeByHttp } from '../support/streams.ts';
import { PushRig, times, uriOf } from '../support/streams-rig.ts';

let rig: PushRig;
beforeAll(async () => {
  rig = await PushRig.start();
});
afterAll(() => rig?.stop());

const [A, B, C, END] = [uriOf('a'), uriOf('b'), uriOf('c'), uriOf('end')];

type Write = (key: string) => Promise<unknown>;

/** Writers of every era, and by plain HTTP. */
async function writersOf(place: Place): Promise<Write[]> {
  const clients = await Promise.all(LISTENERS.map(([, listen]) => rig.listen(listen, place)));
  return [
    ...clients.map(
      (client): Write =>
        (key) =>
          client.call('blackboard_write', { key, value: Math.random() }),
    ),
    (key) => writeByHttp(place.url, place.token, { key, value: Math.random() }),
  ];
}

/** What each has heard when it was told of the last write, after which nothing is on its way any more. */
async function heardBy(listeners: readonly PushClient[]): Promise<string[][]> {
  await Promise.all(listeners.map(({ heard }) => heard.until((all) => all.includes(END))));
  return listeners.map(({ heard }) => heard.all);
}

test('a write over any transport and era reaches every listener that asked, once and in order', async () => {
  const tenant = await rig.tenant();
  const writers = await writersOf(tenant);
  const [write] = writers;
  await write?.('end');
  const ofA = await rig.listenAll(tenant, A, END);
  const ofB = await rig.listenAll(tenant, END, B);
  for (const by of writers) await by('a');
  for (const by of writers) for (const key of ['a', 'b']) await by(key);
  await write?.('end');
  // The list changes when a cell comes, and not when it is overwritten.
  const count = writers.length;
  for (const heard of await heardBy(ofA))
    expect(heard).toEqual([A, LIST, ...times(count, A), LIST, ...times(count - 1, A), END]);
  for (const heard of await heardBy(ofB)) expect(heard).toEqual([LIST, B, LIST, ...times(count - 1, B), END]);
});

test('cells that go are told of like those that come, and what one call does is told together', async () => {
  const tenant = await rig.tenant();
  const [writer] = await rig.listenAll(tenant);
  const entries = ['a', 'b', 'end'].map((key) => ({ key, value: 1 }));
  await writer?.call('blackboard_write', { entries });
  const listeners = await rig.listenAll(tenant, A, B, C, END);
  await writer?.call('blackboard_delete', { keys: ['a', 'b'] });
  await writer?.call('blackboard_write', { entries: [...entries.slice(0, 2), { key: 'c', value: 1 }] });
  await writer?.call('blackboard_claim', { key: 'a', by: 'worker' });
  await writer?.call('blackboard_write', { key: 'end', value: 2 });
  for (const heard of await heardBy(listeners)) {
    expect(heard.filter((uri) => uri !== LIST)).toEqual([A, B, A, B, C, END]);
    expect(heard.filter((uri) => uri === LIST)).toHaveLength(2);
  }
});

test('a tenant with the same cells hears nothing of it, whoever writes in between', async () => {
  const [here, there] = [await rig.tenant(), await rig.tenant()];
  for (const { url, token } of [here, there])
    for (const key of ['a', 'b', 'end']) await writeByHttp(url, token, { key, value: 0 });
  const [toldHere, toldThere] = [await rig.listenAll(here, A, B, END), await rig.listenAll(there, A, B, END)];
  const [writersHere, writersThere] = [await writersOf(here), await writersOf(there)];
  for (const [at, write] of writersHere.entries()) {
    await Promise.all([write('a'), writersThere[at]?.('b')]);
    await write('a');
  }
  await Promise.all([writersHere[0]?.('end'), writersThere[0]?.('end')]);
  const count = writersHere.length;
  for (const heard of await heardBy(toldHere)) expect(heard).toEqual([...times(2 * count, A), END]);
  for (const heard of await heardBy(toldThere)) expect(heard).toEqual([...times(count, B), END]);
});

test('one that unsubscribes hears no more', async () => {
  const tenant = await rig.tenant();
  const writer = (key: string) => writeByHttp(tenant.url, tenant.token, { key, value: Math.random() });
  for (const key of ['a', 'end']) await writer(key);
  const sessions = LISTENERS.filter(([name]) => !name.startsWith('2026'));
  const listeners = await Promise.all(sessions.map(([, listen]) => rig.listen(listen, tenant, A, END)));
  await writer('a');
  await Promise.all(listeners.map((listener) => listener.unsubscribe(A)));
  await writer('a');
  await writer('end');
  for (const heard of await heardBy(listeners)) expect(heard).toEqual([A, END]);
});
