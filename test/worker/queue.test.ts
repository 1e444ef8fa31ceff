import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { HttpTenant } from '../support/http.ts';
import { write } from '../support/resources.ts';
import { OPENERS, rowsOf } from '../support/streams-worker.ts';
import type { Answer } from '../support/tenant.ts';

/** The queue as MCP clients use it. */

const A = 'blackboard://default/a';
const answerOf = async (tenant: HttpTenant, tool: string, args: object): Promise<Answer> =>
  (await tenant.call(tool, args)).structuredContent;

test('an item is worked on by MCP calls alone: claimed, failed, delayed, taken over, done', async () => {
  const tenant = await HttpTenant.create();
  for (const n of [1, 2]) await write(tenant, `q/${n}`, { n });
  const claim = (args: object) => answerOf(tenant, 'blackboard_claim', { by: 'a', ...args });
  const release = (claim_id: unknown, args: object) =>
    answerOf(tenant, 'blackboard_release', { claim_id, ...args });

  const { items } = await claim({ prefix: 'q/', count: 5 });
  expect(items).toMatchObject([{ key: 'q/1' }, { key: 'q/2' }]);
  const [first, second] = items;
  await release(first.claim_id, { failed: 'no network', delay_s: 600 });
  const taken = await claim({ key: 'q/2', by: 'boss', take_over: true });
  expect(taken).toMatchObject({ status: 'claimed', taken_from: 'a' });
  expect(await release(second.claim_id, { value: 'late' })).toMatchObject({
    status: 'lost',
    reason: 'taken_over',
    key: 'q/2',
    held_by: 'boss',
  });
  expect(await claim({ prefix: 'q/' })).toMatchObject({ status: 'none', held: 1, delayed: 1 });
  const patient = { prefix: 'q/', wait_s: 25, by: 'patient' };
  const waiting = tenant.rpc('tools/call', { name: 'blackboard_claim', arguments: patient });
  await release(taken.claim_id, { requeue: true });
  // A call that waits is answered as a stream of events.
  const [, data = ''] = /^data: (\{.*)$/m.exec(await (await waiting).text()) ?? [];
  const last: Answer = JSON.parse(data).result.structuredContent;
  expect(last).toMatchObject({ status: 'claimed', key: 'q/2' });
  await release(last.claim_id, { value: 'result' });
  const { entries } = await answerOf(tenant, 'blackboard_list', { claimed: 'done' });
  expect(entries).toMatchObject([{ key: 'q/2', claim: { state: 'done' } }]);
});

test.each(OPENERS)(
  'a subscriber of %s hears of an expiry by the alarm, without any call',
  async (_era, open) => {
    const tenant = await HttpTenant.create();
    const stream = await open(tenant, [A]);
    await write(tenant, 'a', 1, { ttl_s: 3_600 });
    await stream.untilTold(A);
    await rowsOf(tenant, 'UPDATE board_cells SET expires_at = ? RETURNING id', Date.now() - 1);
    const object = env.TENANTS.getByName(tenant.id);
    await evictDurableObject(object, { webSockets: 'hibernate' });
    expect(await runDurableObjectAlarm(object)).toBe(true);
    await stream.events.until(() => stream.told.filter((item) => item === A).length === 2);
    const { events } = await answerOf(tenant, 'blackboard_watch', { since_rev: 0 });
    expect(events).toMatchObject([{ op: 'set' }, { op: 'expired', key: 'a' }]);
    await stream.leave();
  },
);
