import { afterAll, beforeAll, expect, test } from 'vitest';
import { MAX_WAITERS } from '../../src/tenant/streams/waiters.ts';
import { ERAS, type Era, enveloped, openStream, RawSession, RawSse, rpc } from '../support/raw-eras.ts';
import type { RawStream } from '../support/raw-stream.ts';
import { writeByHttp } from '../support/streams.ts';
import { eventually, soon } from '../support/streams-heard.ts';
import { PushRig, type PushTenant, uriOf } from '../support/streams-rig.ts';

let rig: PushRig;
beforeAll(async () => {
  rig = await PushRig.start();
});
afterAll(() => rig?.stop());

const DISCONNECTS = 100;
const AT_ONCE = 20;

async function openMany(era: Era, tenant: PushTenant): Promise<RawStream[]> {
  const opened: RawStream[] = [];
  while (opened.length < DISCONNECTS) {
    const some = Array.from({ length: AT_ONCE }, () => openStream(era, tenant, [uriOf('a')]));
    opened.push(...(await Promise.all(some)));
  }
  await rig.untilOpen(tenant.id, DISCONNECTS);
  return opened;
}

test(`${DISCONNECTS} clients of each era that vanish leave nothing open`, async () => {
  const eras = await Promise.all(
    ERAS.map(async (era) => {
      const tenant = await rig.tenant();
      return { era, tenant, streams: await openMany(era, tenant) };
    }),
  );
  await Promise.all(
    eras.map(async ({ era, tenant, streams }) => {
      const start = performance.now();
      for (const stream of streams) stream.vanish();
      await rig.untilOpen(tenant.id, 0);
      // biome-ignore lint/suspicious/noConsole: how long it took is worth a look, and nothing is asserted about it
      console.info(`${era}: ${DISCONNECTS} streams freed in ${Math.round(performance.now() - start)} ms`);
    }),
  );
}, 120_000);

test.concurrent.each(ERAS)(
  'clients of %s that vanish while the tenant sleeps wake it, and leave nothing open',
  async (era) => {
    const tenant = await rig.tenant();
    const [left, stayed] = await Promise.all(['a', 'b'].map((key) => openStream(era, tenant, [uriOf(key)])));
    await rig.untilOpen(tenant.id, 2);
    await rig.server.evict(tenant.id, 'hibernate');
    left?.vanish();
    await rig.untilOpen(tenant.id, 1);
    await rig.server.evict(tenant.id, 'hibernate');
    stayed?.vanish();
    await rig.untilOpen(tenant.id, 0);
  },
);

const WAIT_S = 25;
/** Calls that fill the tenant later than this on a slow machine may end by themselves before it is noticed: that shows nothing. */
const LATE_MS = 10_000;
const watch = { name: 'blackboard_watch', arguments: { since_rev: 1, wait_s: WAIT_S } };

/** Whether a further call waits: it is told of what is written while it does, and is refused at once when it may not. */
async function hasRoom({ url, token }: PushTenant): Promise<boolean> {
  const call = async (args: object) => {
    const response = await fetch(`${url}/v1/tools/blackboard_watch`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ run_id: 'probe', ...args }),
    });
    return (await response.json()) as { events?: object[]; head_rev: number };
  };
  const { head_rev } = await call({ since_rev: 0 });
  const answer = call({ since_rev: head_rev, wait_s: WAIT_S });
  // Whoever is answered at once is so before these.
  for (const _ of [1, 2]) await call({ since_rev: 0 });
  await writeByHttp(url, token, { run_id: 'probe', key: 'a', value: Math.random() });
  const { events = [] } = await answer;
  return events.length > 0;
}

/** What clients do that the SDKs do not: all headers of a call of a revision, by hand. */
function leaving(headers: Record<string, string>, params: object): Fill {
  return async ({ url, token }, ids) => {
    const leave = new AbortController();
    const all = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    };
    for (const id of ids) {
      const body = JSON.stringify(rpc('tools/call', params, id));
      // It fails, for it is left.
      fetch(`${url}/mcp`, { method: 'POST', headers: all, body, signal: leave.signal }).catch(() => {});
    }
    return async () => leave.abort();
  };
}

/** Makes as many calls wait as can, each under an id of its own; the answer ends or cancels all of them. */
type Fill = (tenant: PushTenant, ids: readonly number[]) => Promise<() => Promise<unknown>>;

const FILLS: readonly (readonly [name: string, fill: Fill])[] = [
  [
    'of 2024, by a notification',
    async (tenant, ids) => {
      const sse = await RawSse.open(tenant);
      await Promise.all(ids.map((id) => sse.post(rpc('tools/call', watch, id))));
      return () =>
        Promise.all(ids.map((requestId) => sse.post(rpc('notifications/cancelled', { requestId }))));
    },
  ],
  [
    'of a 2025 session, by a notification of another request',
    async (tenant, ids) => {
      const session = await RawSession.open(tenant);
      const answers = ids.map((id) => session.post(rpc('tools/call', watch, id)));
      return async () => {
        await Promise.all(ids.map((requestId) => session.tell('notifications/cancelled', { requestId })));
        const answered = await soon(Promise.all(answers), 'the answer of every call');
        expect(answered.every(({ status }) => status === 200)).toBe(true);
      };
    },
  ],
  [
    'by plain HTTP, by leaving',
    async ({ url, token }, ids) => {
      const leave = new AbortController();
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const body = JSON.stringify(watch.arguments);
      for (const _ of ids)
        fetch(`${url}/v1/tools/${watch.name}`, { method: 'POST', headers, body, signal: leave.signal }).catch(
          // It fails, for it is left.
          () => {},
        );
      return async () => leave.abort();
    },
  ],
  ['of 2025 without a session, by leaving', leaving({ 'mcp-protocol-version': '2025-11-25' }, watch)],
  [
    'of 2026, by leaving',
    leaving(
      {
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'tools/call',
        'mcp-name': 'blackboard_watch',
      },
      enveloped(watch),
    ),
  ],
];

/** How long the calls of a tenant that wait took, in milliseconds, by its log. */
const durationsOf = ({ id }: PushTenant): number[] =>
  rig.server
    .lines()
    .filter((line) => line.includes('"blackboard_watch"'))
    .map((line) => JSON.parse(line) as { tenant: string; duration_ms: number; outcome: string })
    .filter(({ tenant, outcome }) => tenant === id && outcome === 'answer')
    .map(({ duration_ms }) => duration_ms);

/** One call more than can wait is told when to repeat it, by plain HTTP and by MCP. */
async function expectToldToWait({ url, token }: PushTenant): Promise<void> {
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
  };
  const told = { code: 'unavailable', retryable: true, retry_after_ms: 1000 };
  const args = { ...watch.arguments, run_id: 'nobody-writes-here' };
  const body = JSON.stringify(args);
  const refused = await fetch(`${url}/v1/tools/${watch.name}`, { method: 'POST', headers, body });
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
  expect(await refused.json()).toMatchObject(told);
  const call = JSON.stringify(rpc('tools/call', { ...watch, arguments: args }, 'one more'));
  const answer = await fetch(`${url}/mcp`, { method: 'POST', headers, body: call });
  const [, data = ''] = /^data: (\{.*)$/m.exec(await answer.text()) ?? [];
  expect(JSON.parse(data).result).toMatchObject({ isError: true, structuredContent: { error: told } });
}

/** Whether the calls of a new tenant that wait end early when they are cancelled; undefined when too late to say. */
async function durationsOfCancelled(fill: Fill): Promise<number[] | undefined> {
  const tenant = await rig.tenant();
  await writeByHttp(tenant.url, tenant.token, { run_id: 'probe', key: 'a', value: 1 });
  expect(await hasRoom(tenant)).toBe(true);
  const start = performance.now();
  const isLate = () => performance.now() - start > LATE_MS;
  const cancel = await fill(tenant, [...Array(MAX_WAITERS).keys()]);
  await eventually(
    async () => isLate() || !(await hasRoom(tenant)),
    (lateOrFull) => lateOrFull,
  );
  if (isLate()) {
    await cancel();
    return undefined;
  }
  await expectToldToWait(tenant);
  const late = isLate();
  await cancel();
  await eventually(
    () => hasRoom(tenant),
    (room) => room,
  );
  const durations = await eventually(
    async () => durationsOf(tenant),
    (all) => all.length >= MAX_WAITERS,
  );
  return late ? undefined : durations;
}

test.concurrent.each(FILLS)(
  'a call that waits can be cancelled, and waits no longer: %s',
  async (_name, fill) => {
    let durations: number[] | undefined;
    while (durations === undefined) durations = await durationsOfCancelled(fill);
    // None of them has waited to its end: that their clients are gone was noticed before.
    expect(Math.max(...durations)).toBeLessThan(WAIT_S * 1000);
  },
  240_000,
);
