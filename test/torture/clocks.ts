import { join } from 'node:path';
import { FakeTime } from '../support/fake-time.ts';
import { openLocal, type TestLocal } from '../support/local.ts';
import { atMost, type Finding } from './finding.ts';
import type { Torture } from './rig.ts';

/** A local tenant whose clock is set back and forth while time passes. */

const LIMIT = { rate: 10, burst: 3 };
const GENEROUS = { rate: 100_000, burst: 1_000_000 };
const DAY_MS = 86_400_000;
const WAIT_S = 5;

export async function clocks({ random, isShort, directory }: Torture): Promise<Finding[]> {
  const found = { shut: 0, late: 0, early: 0 };
  for (let walk = 0; walk < (isShort ? 20 : 200); walk++) {
    const time = new FakeTime();
    const monotonic = new Monotonic();
    const open = () => openAt(join(directory, `clock-${walk}.db`), time, monotonic);
    let local = open();
    for (let step = 0; step < 20; step++) {
      // A step forward cannot be told from time that passes: a bucket may fill by it.
      time.step(random.integer(-2 * DAY_MS, random.integer(0, 1) * DAY_MS));
      if (random.next() < 0.2) {
        local.tenant.close();
        local = open();
      }
      if (random.next() < 0.3) await waitFor(local, time, monotonic, found);
      else await drain(local, time, monotonic, found);
    }
    local.tenant.close();
  }
  return [
    atMost(
      'bound',
      { item: 'calls refused although they had waited for retry_after_ms, twice', value: found.shut },
      0,
    ),
    atMost('bound', { item: 'waits that had not ended when their time was up', value: found.late }, 0),
    atMost('bound', { item: 'waits that ended before their time', value: found.early }, 0),
  ];
}

/** Milliseconds since the process began: time that passes moves it, a clock that is set does not. */
class Monotonic {
  now = 0;
}

function openAt(file: string, time: FakeTime, monotonic: Monotonic): TestLocal {
  return openLocal(file, {
    clock: () => time.now,
    monotonic: () => monotonic.now,
    later: time.later,
    limits: { tenant: GENEROUS, tool: LIMIT },
  });
}

/** Lets time pass on both clocks, in pieces so that what is due in between sees its time. */
async function elapse(time: FakeTime, monotonic: Monotonic, ms: number): Promise<void> {
  const PIECE_MS = 50;
  for (let left = ms; left > 0; left -= PIECE_MS) {
    const piece = Math.min(left, PIECE_MS);
    monotonic.now += piece;
    await time.elapse(piece);
  }
}

async function drain(local: TestLocal, time: FakeTime, monotonic: Monotonic, found: { shut: number }) {
  for (let call = 0; call < LIMIT.burst + 1; call++) {
    let outcome = await local.call('blackboard_read', { key: 'a' });
    for (let tries = 0; outcome.kind === 'error' && tries < 2; tries++) {
      await elapse(time, monotonic, outcome.error.retry_after_ms ?? 0);
      outcome = await local.call('blackboard_read', { key: 'a' });
    }
    if (outcome.kind !== 'answer') found.shut++;
  }
}

/** A wait must last its time, although the clock is set while it waits. */
async function waitFor(
  local: TestLocal,
  time: FakeTime,
  monotonic: Monotonic,
  found: { late: number; early: number },
) {
  // The bucket is full by then.
  await elapse(time, monotonic, 1000);
  const { next_rev: since_rev } = await local.answer('blackboard_watch', { since_rev: 0, prefix: 'none/' });
  let isDone = false;
  const done = local
    .call('blackboard_watch', { since_rev: since_rev ?? 0, prefix: 'none/', wait_s: WAIT_S })
    .then(() => {
      isDone = true;
    });
  await elapse(time, monotonic, (1000 * WAIT_S) / 2);
  if (isDone) found.early++;
  time.step(-DAY_MS);
  await elapse(time, monotonic, (1000 * WAIT_S) / 2 + 200);
  if (!isDone) found.late++;
  await elapse(time, monotonic, 3 * DAY_MS * (isDone ? 0 : 1));
  await done;
}
