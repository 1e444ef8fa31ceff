import { afterAll, beforeAll, expect, test } from 'vitest';
import { LIST, LISTENERS, type PushClient, writeByHttp } from '../support/streams.ts';
import { PushRig, type PushTenant, uriOf } from '../support/streams-rig.ts';

let rig: PushRig;
beforeAll(async () => {
  rig = await PushRig.start();
});
afterAll(() => rig?.stop());

const END = uriOf('end');
const KEYS = [...Array(10).keys()].map((n) => `k${n}`);
const WRITES_EACH = 24;
/** An eviction after as many writes. */
const EVICT_EVERY = 9;

const put = ({ url, token }: PushTenant, key: string) =>
  writeByHttp(url, token, { key, value: Math.random() });

/** The cells that were written, in the order of their revisions, as the tenant itself tells it. */
async function writtenOf(client: PushClient): Promise<string[]> {
  const { structuredContent } = await client.call('blackboard_watch', { since_rev: 0, limit: 200 });
  const { events, more } = structuredContent as { events: { key: string }[]; more: boolean };
  expect(more).toBe(false);
  return events.map(({ key }) => uriOf(key));
}

/** Whether the streams of the object sleep while it starts again, or break and are made anew. */
const MODES = ['hibernate', 'close'] as const;
type Mode = (typeof MODES)[number];

async function expectTold(listeners: readonly PushClient[], mode: Mode): Promise<void> {
  await Promise.all(listeners.map(({ heard }) => heard.until((all) => all.includes(END))));
  const [first] = listeners;
  const written = first === undefined ? [] : await writtenOf(first);
  for (const { heard } of listeners) {
    expect(heard.all.filter((uri) => uri !== LIST)).toEqual(written);
    // Each of the cells came once. Of what is told together it is said once that the list changed.
    const lists = heard.all.filter((uri) => uri === LIST).length;
    const came = new Set(written).size;
    if (mode === 'hibernate') expect(lists).toBe(came);
    expect(lists).toBeGreaterThan(0);
    expect(lists).toBeLessThanOrEqual(came);
  }
}

test.each(MODES)(
  'an object that starts again between writes (%s) tells every listener once',
  async (mode) => {
    const tenant = await rig.tenant();
    const listeners = await rig.listenAll(tenant, ...KEYS.map(uriOf), END);
    await rig.server.evict(tenant.id, mode);
    for (const key of KEYS) {
      await put(tenant, key);
      await put(tenant, key);
      await rig.server.evict(tenant.id, mode);
    }
    await put(tenant, 'end');
    await expectTold(listeners, mode);
  },
);

test.each(MODES)('an object that starts again during writes (%s) tells every listener once', async (mode) => {
  const tenant = await rig.tenant();
  const listeners = await rig.listenAll(tenant, ...KEYS.map(uriOf), END);
  const writers = await Promise.all(LISTENERS.map(([, listen]) => rig.listen(listen, tenant)));
  const evictions: Promise<void>[] = [];
  let done = 0;
  const write = async (writer: PushClient) => {
    for (let n = 0; n < WRITES_EACH; n++) {
      // A write that the eviction cut off may have been made, or not: the tenant knows.
      await writer.call('blackboard_write', { key: KEYS[done % KEYS.length], value: done }).catch(() => {});
      if (++done % EVICT_EVERY === 0) evictions.push(rig.server.evict(tenant.id, mode));
    }
  };
  await Promise.all(writers.map(write));
  await Promise.all(evictions);
  expect(evictions.length).toBeGreaterThan(5);
  await put(tenant, 'end');
  await expectTold(listeners, mode);
});
