import { setTimeout as sleep } from 'node:timers/promises';
import { requestJson } from '../bench/requests.ts';
import { ADMIN_KEY } from '../bench/servers.ts';
import { quantile } from '../bench/statistics.ts';
import type { RunningWorker } from '../bench/workerd.ts';
import { Child } from './child.ts';
import { atLeast, atMost, type Finding } from './finding.ts';
import { type Agent, newAgent, type Torture, UNLIMITED } from './rig.ts';
import type { SubscribersReport, SubscribersTask } from './subscribers.ts';

/** Writers beside many open streams, and streams whose clients vanish. */

const TENANT = 'subscribed';
/** Long enough for the notifications of one write to be sent before the next one: a writer must not wait for them. */
const PACE_MS = 250;
const MAX_FREED_S = 60;

export async function streams({ rig, isShort }: Torture): Promise<Finding[]> {
  const [subscribers, writes] = isShort ? [200, 15] : [1000, 40];
  const worker = await rig.start(UNLIMITED);
  const agent = await newAgent(worker, TENANT);
  await writeTimes(agent, 'subscribed', writes);
  const alone = await writeTimes(agent, 'subscribed', writes);
  const task: SubscribersTask = {
    ...agent,
    count: subscribers,
    uri: 'blackboard://default/subscribed',
  };
  const child = new Child<SubscribersReport>('subscribers.ts', task);
  try {
    const { open } = await child.ask();
    const other = await writeTimes(agent, 'other', writes);
    await child.ask();
    const subscribed = await writeTimes(agent, 'subscribed', writes);
    const received = await receivedUntilQuiet(child);
    await child.kill();
    const freed = await secondsUntilFreed(worker);
    const p50 = quantile(alone, 0.5);
    const times = (durations: number[]) => quantile(durations, 0.5) / p50;
    const where = `(${p50.toFixed(1)} ms without streams)`;
    return [
      atLeast('bound', { item: 'streams that could be opened', value: open }, subscribers),
      atMost(
        'aim',
        {
          item: `write p50 with ${open} subscribers of its cell ${where}`,
          value: times(subscribed),
          unit: 'x',
        },
        1.5,
      ),
      atMost(
        'aim',
        {
          item: `write p50 with ${open} subscribers of another cell ${where}`,
          value: times(other),
          unit: 'x',
        },
        1.1,
      ),
      // Changes of one cell within a moment may become one notification, but the last one must reach everybody.
      atLeast('bound', { item: `notifications of ${writes} writes`, value: received }, open),
      atMost('bound', { item: `notifications of ${writes} writes`, value: received }, open * writes),
      atMost('aim', { item: 'until the streams of killed clients were free', value: freed, unit: 's' }, 10),
      atMost('bound', { item: 'the same', value: Math.round(freed), unit: 's' }, MAX_FREED_S),
    ];
  } finally {
    await child.stop();
  }
}

async function writeTimes(agent: Agent, key: string, writes: number): Promise<number[]> {
  const durations: number[] = [];
  for (let n = 0; n < writes; n++) {
    const began = performance.now();
    await agent.ok('blackboard_write', { key, value: `${key} ${n} ${Math.random()}` });
    durations.push(performance.now() - began);
    await sleep(PACE_MS);
  }
  return durations;
}

async function receivedUntilQuiet(child: Child<SubscribersReport>): Promise<number> {
  let total = 0;
  for (let quiet = 0; quiet < 3; ) {
    const { received } = await child.ask();
    total += received;
    quiet = received === 0 ? quiet + 1 : 0;
    await sleep(300);
  }
  return total;
}

async function secondsUntilFreed(worker: RunningWorker): Promise<number> {
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1000;
  while (seconds() < 2 * MAX_FREED_S) {
    const { clients } = await requestJson<{ clients: { open_streams: number } }>(
      'GET',
      `${worker.origin}/admin/tenants/${TENANT}`,
      { authorization: `Bearer ${ADMIN_KEY}` },
    );
    if (clients.open_streams === 0) break;
    await sleep(200);
  }
  return seconds();
}
