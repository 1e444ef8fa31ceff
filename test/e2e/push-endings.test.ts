import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ERAS, openStream, type Place, urisOf } from '../support/raw-eras.ts';
import type { RawStream } from '../support/raw-stream.ts';
import { writeByHttp } from '../support/streams.ts';
import { soon } from '../support/streams-heard.ts';
import { PushRig, uriOf } from '../support/streams-rig.ts';

let rig: PushRig;
beforeAll(async () => {
  rig = await PushRig.start();
});
afterAll(() => rig?.stop());

/** A stream of each era. */
const openAll = (place: Place): Promise<RawStream[]> =>
  Promise.all(ERAS.map((era) => openStream(era, place, [uriOf('a')])));

const expectEnded = async (streams: readonly RawStream[]) => {
  for (const [at, stream] of streams.entries())
    await soon(stream.ended, `the end of the stream of ${ERAS[at]}`);
};

/** They are told of a write, and told it once. */
async function expectToldOfWrite(place: Place, streams: readonly RawStream[]): Promise<void> {
  const before = streams.map((stream) => urisOf(stream).length);
  await writeByHttp(place.url, place.token, { key: 'a', value: Math.random() });
  await Promise.all(
    streams.map((stream, at) => stream.events.until(() => urisOf(stream).length > (before[at] ?? 0))),
  );
  expect(streams.every(({ isOpen }) => isOpen)).toBe(true);
}

/** Two tokens of one tenant, a token of another, and a stream of each era for every token. */
async function three() {
  const [first, other] = [await rig.tenant(), await rig.tenant()];
  const second = await rig.token(first.id);
  return {
    first: { place: first, streams: await openAll(first) },
    second: { place: second, streams: await openAll(second) },
    other: { place: other, streams: await openAll(other) },
  };
}

describe.each(['at once', 'after the object started again'])('%s', (when) => {
  const ready = async (id: string) => {
    if (when !== 'at once') await rig.server.evict(id);
  };

  test('a token that is revoked loses its streams of every era, and nobody else a stream', async () => {
    const { first, second, other } = await three();
    await ready(first.place.id);
    await rig.operate('DELETE', `/tenants/${first.place.id}/tokens/${first.place.tokenId}`);
    await expectEnded(first.streams);
    await rig.untilOpen(first.place.id, ERAS.length);
    await expectToldOfWrite(second.place, second.streams);
    await expectToldOfWrite(other.place, other.streams);
  });

  test('a tenant that is suspended loses its streams of every era, and no other tenant one', async () => {
    const { first, second, other } = await three();
    await ready(first.place.id);
    await rig.operate('POST', `/tenants/${first.place.id}/suspend`);
    await expectEnded([...first.streams, ...second.streams]);
    await rig.untilOpen(first.place.id, 0);
    await expectToldOfWrite(other.place, other.streams);
    await rig.operate('POST', `/tenants/${first.place.id}/resume`);
    await expectToldOfWrite(first.place, await openAll(first.place));
  });

  test('a tenant that is deleted loses its streams of every era, and no other tenant one', async () => {
    const { first, second, other } = await three();
    await ready(first.place.id);
    await rig.operate('DELETE', `/tenants/${first.place.id}`);
    await expectEnded([...first.streams, ...second.streams]);
    await expectToldOfWrite(other.place, other.streams);
    await rig.operate('POST', '/tenants', { id: first.place.id });
    await rig.untilOpen(first.place.id, 0);
  });
});
