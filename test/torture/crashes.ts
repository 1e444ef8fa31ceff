import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openLocal } from '../support/local.ts';
import { INITIALIZE, RawProcess } from '../support/local-process.ts';
import { atMost, type Finding } from './finding.ts';
import { Agent, newAgent, operate, type Torture, UNLIMITED } from './rig.ts';

/** Servers that are killed under load: what was answered must be there afterwards. */

const WRITERS = 8;

export async function crashes(torture: Torture): Promise<Finding[]> {
  const kills = torture.isShort ? 3 : 40;
  const worker = await killedWorkers(torture, kills);
  const local = await killedProcesses(torture, kills);
  const lost = (where: string, { lost, writes }: Losses): Finding =>
    atMost(
      'bound',
      { item: `writes lost of ${writes} answered, in ${kills} kills of ${where}`, value: lost },
      0,
    );
  const broken = (where: string, { broken }: Losses): Finding =>
    atMost('bound', { item: `chains of records broken after ${kills} kills of ${where}`, value: broken }, 0);
  return [
    lost('workerd', worker),
    lost('the local server', local),
    broken('workerd', worker),
    broken('the local server', local),
  ];
}

interface Losses {
  lost: number;
  /** Kills after which the records were no chain. */
  broken: number;
  writes: number;
}

async function killedWorkers({ rig, random, directory }: Torture, kills: number): Promise<Losses> {
  const storage = join(directory, 'killed');
  const losses: Losses = { lost: 0, broken: 0, writes: 0 };
  let token: string | undefined;
  /** The last value of each writer whose write was answered. */
  const answered: number[] = Array.from({ length: WRITERS }, () => 0);
  for (let kill = 0; kill < kills; kill++) {
    const worker = await rig.start(UNLIMITED, storage);
    token ??= (await newAgent(worker, 'killed')).token;
    const agent = new Agent(worker.origin, token);
    const writers = answered.map(async (from, writer) => {
      for (let value = from + 1; ; value++) {
        // A broken connection is how a killed server looks from outside.
        const called = await agent
          .call('blackboard_write', { key: `writer-${writer}`, value })
          .catch(() => undefined);
        if (called === undefined) return;
        if (called.answer === undefined) throw new Error(`a write was answered ${JSON.stringify(called)}`);
        answered[writer] = value;
        losses.writes++;
      }
    });
    await sleep(random.integer(200, 800));
    await worker.kill();
    await Promise.all(writers);
    const found = await lostWrites(rig, storage, token, answered);
    losses.lost += found.lost;
    if (found.isBroken) losses.broken++;
  }
  return losses;
}

/** Starts the server again and compares. */
async function lostWrites(
  rig: Torture['rig'],
  storage: string,
  token: string,
  answered: number[],
): Promise<{ lost: number; isBroken: boolean }> {
  const worker = await rig.start(UNLIMITED, storage);
  const agent = new Agent(worker.origin, token);
  let lost = 0;
  for (const [writer, value] of answered.entries()) {
    const { entries } = await agent.ok('blackboard_read', { key: `writer-${writer}` });
    const stored = Number((entries as { value?: unknown }[])[0]?.value ?? 0);
    lost += Math.max(0, value - stored);
    answered[writer] = stored;
  }
  const { verdict } = await operate<{ verdict: string }>(worker.origin, 'GET', '/tenants/killed/verify');
  await worker.kill();
  return { lost, isBroken: verdict !== 'intact' };
}

async function killedProcesses({ random, directory }: Torture, kills: number): Promise<Losses> {
  const data = join(directory, 'killed-local');
  const losses: Losses = { lost: 0, broken: 0, writes: 0 };
  let answered = 0;
  for (let kill = 0; kill < kills; kill++) {
    const server = new RawProcess(['--data', data]);
    server.send({ id: 1, ...INITIALIZE });
    await server.answerOf(1);
    server.send({ method: 'notifications/initialized' });
    for (let id = 2; id < 40; id++) server.send({ id, method: 'tools/call', params: INCREMENT });
    await sleep(random.integer(0, 60));
    server.child.kill('SIGKILL');
    await server.exited;
    const now = server.lines.filter((line) => /"status":"(?:created|updated)"/.test(line)).length;
    answered += now;
    losses.writes += now;
    const { sum, isBroken } = await stored(data);
    losses.lost += Math.max(0, answered - sum);
    if (isBroken) losses.broken++;
    answered = sum;
  }
  return losses;
}

const INCREMENT = { name: 'blackboard_write', arguments: { key: 'sum', mode: 'increment', value: 1 } };

async function stored(data: string): Promise<{ sum: number; isBroken: boolean }> {
  const local = openLocal(join(data, 'bulkhead.db'));
  try {
    const { entries } = await local.answer('blackboard_read', { key: 'sum' });
    const sum = Number((entries as { value?: unknown }[])[0]?.value ?? 0);
    const checked = local.tenant.compartment.reading.verify();
    return { sum, isBroken: !checked.ok || checked.value.broken !== undefined };
  } finally {
    local.tenant.close();
  }
}
