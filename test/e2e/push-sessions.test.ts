import { afterAll, beforeAll, expect, test } from 'vitest';
import { RawSession, urisOf } from '../support/raw-eras.ts';
import type { RawStream } from '../support/raw-stream.ts';
import { writeByHttp } from '../support/streams.ts';
import { soon } from '../support/streams-heard.ts';
import { PushRig, type PushTenant, uriOf } from '../support/streams-rig.ts';

let rig: PushRig;
beforeAll(async () => {
  rig = await PushRig.start();
});
afterAll(() => rig?.stop());

const KEYS = ['a', 'b', 'c', 'd', 'e', 'f', 'end'];
const uris = (...keys: string[]) => keys.map(uriOf);

/** A session that is told of every cell; all of them are there, so that the list does not change. */
async function opened(): Promise<{
  tenant: PushTenant;
  session: RawSession;
  write: (key: string) => Promise<void>;
}> {
  const tenant = await rig.tenant();
  const write = (key: string) => writeByHttp(tenant.url, tenant.token, { key, value: Math.random() });
  for (const key of KEYS) await write(key);
  const session = await RawSession.open(tenant);
  for (const uri of uris(...KEYS)) await session.ask('resources/subscribe', { uri });
  return { tenant, session, write };
}

/** Waits until the stream has told of `count` cells; no cell may come after. */
const told = async (stream: RawStream, count: number): Promise<string[]> => {
  await stream.events.until((events) => events.length >= count);
  return urisOf(stream);
};

test.concurrent('a stream that went away comes back with Last-Event-ID, and is told exactly what it missed', async () => {
  const { tenant, session, write } = await opened();
  const first = await session.stream();
  for (const key of ['a', 'b', 'c']) await write(key);
  expect(await told(first, 3)).toEqual(uris('a', 'b', 'c'));
  first.vanish();
  await rig.untilOpen(tenant.id, 0);
  for (const key of ['d', 'e']) await write(key);
  await rig.server.evict(tenant.id);
  await write('a');
  // As a client does that has seen only the second of three.
  const again = await session.stream(first.events.all[1]?.id);
  await write('end');
  expect(await told(again, 5)).toEqual(uris('c', 'd', 'e', 'a', 'end'));
});

test.concurrent('a stream that dies before its first event says from where to go on', async () => {
  const { tenant, session, write } = await opened();
  const first = await session.stream();
  const from = await first.origin();
  first.vanish();
  await write('a');
  await rig.untilOpen(tenant.id, 0);
  const again = await session.stream(from);
  expect(await told(again, 1)).toEqual(uris('a'));
});

test.concurrent('a stream that comes back without Last-Event-ID is told from where it was told last', async () => {
  const { tenant, session, write } = await opened();
  const first = await session.stream();
  await write('a');
  expect(await told(first, 1)).toEqual(uris('a'));
  first.vanish();
  await rig.untilOpen(tenant.id, 0);
  for (const key of ['b', 'c']) await write(key);
  await rig.server.evict(tenant.id);
  const again = await session.stream();
  await write('end');
  expect(await told(again, 3)).toEqual(uris('b', 'c', 'end'));
});

test.concurrent('a first stream is told what changed since its session subscribed', async () => {
  const { tenant, session, write } = await opened();
  await write('a');
  await rig.server.evict(tenant.id);
  await write('b');
  expect(await told(await session.stream(), 2)).toEqual(uris('a', 'b'));
});

test.concurrent('changes of several cells by one call have an id each: none is lost by going on after the first', async () => {
  const { tenant, session } = await opened();
  const first = await session.stream();
  const entries = ['a', 'b', 'c'].map((key) => ({ key, value: 'batch' }));
  await session.ask('tools/call', { name: 'blackboard_write', arguments: { entries } });
  expect(await told(first, 3)).toEqual(uris('a', 'b', 'c'));
  first.vanish();
  await rig.untilOpen(tenant.id, 0);
  for (const [at, event] of first.events.all.entries()) {
    const again = await session.stream(event.id);
    await writeByHttp(tenant.url, tenant.token, { key: 'end', value: at });
    const missed = ['a', 'b', 'c'].slice(at + 1);
    // Those that followed in the loop before are missed too by one who goes on from so early.
    const ends = Array.from({ length: at + 1 }, () => 'end');
    expect(await told(again, missed.length + ends.length)).toEqual(uris(...missed, ...ends));
  }
});

test.concurrent('a new cell and the list have an id each: one who has received the first gets the second', async () => {
  const { tenant, session, write } = await opened();
  await session.ask('resources/subscribe', { uri: uriOf('new') });
  const first = await session.stream();
  await write('new');
  expect(await told(first, 2)).toEqual(uris('new'));
  first.vanish();
  await rig.untilOpen(tenant.id, 0);
  const again = await session.stream(first.events.all[0]?.id);
  await write('end');
  expect(await told(again, 2)).toEqual(uris('end'));
  expect(again.messages[0]).toMatchObject({ method: 'notifications/resources/list_changed' });
});

test.concurrent('two URIs of one cell are one subscription: its stream is notified once, by the first', async () => {
  const { tenant, session, write } = await opened();
  const [first, second] = ['blackboard://default/%61', uriOf('a')];
  const other = await RawSession.open(tenant);
  for (const uri of [first, second]) {
    await session.ask('resources/subscribe', { uri });
    await other.ask('resources/subscribe', { uri });
  }
  const [stream, ofOther] = [await session.stream(), await other.stream()];
  await write('a');
  await other.ask('resources/subscribe', { uri: uriOf('end') });
  await write('end');
  expect(await told(stream, 2)).toEqual([second, uriOf('end')]);
  expect(await told(ofOther, 2)).toEqual([first, uriOf('end')]);
});

test.concurrent('a second stream of a session takes the place of the first', async () => {
  const { tenant, session, write } = await opened();
  const first = await session.stream();
  await write('a');
  expect(await told(first, 1)).toEqual(uris('a'));
  const second = await session.stream(first.events.all[0]?.id);
  await soon(first.ended, 'the end of the first stream');
  await rig.untilOpen(tenant.id, 1);
  await write('b');
  expect(await told(second, 1)).toEqual(uris('b'));
  expect(urisOf(first)).toEqual(uris('a'));
});

test.concurrent('DELETE ends the session, its stream, and no other', async () => {
  const { tenant, session, write } = await opened();
  const other = await RawSession.open(tenant);
  await other.ask('resources/subscribe', { uri: uriOf('a') });
  const [stream, others] = [await session.stream(), await other.stream()];
  await rig.server.evict(tenant.id);
  expect((await session.delete()).status).toBe(204);
  await soon(stream.ended, 'the end of the stream');
  expect((await session.stream()).status).toBe(404);
  expect((await session.delete()).status).toBe(404);
  expect((await session.post({ jsonrpc: '2.0', id: 1, method: 'tools/list' })).status).toBe(404);
  await write('a');
  expect(await told(others, 1)).toEqual(uris('a'));
  await rig.untilOpen(tenant.id, 1);
});

test.concurrent('a session outlives every start of its tenant’s object', async () => {
  const { tenant, session } = await opened();
  for (const key of ['a', 'b', 'c']) {
    await rig.server.evict(tenant.id);
    await session.ask('tools/call', { name: 'blackboard_write', arguments: { key, value: 'kept' } });
    await rig.server.evict(tenant.id);
    await session.ask('resources/subscribe', { uri: uriOf(key) });
  }
});
