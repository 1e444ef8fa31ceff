import { atLeast, atMost, type Finding } from './finding.ts';
import { type Agent, newAgent, type Torture, UNLIMITED } from './rig.ts';

/** A tenant whose storage is filled, emptied and filled again. */

const QUOTA_BYTES = 2 * 1024 * 1024;
const VALUE = 'x'.repeat(16 * 1024);
const MAX_CELLS = 1000;

export async function quotas({ rig, isShort }: Torture): Promise<Finding[]> {
  const worker = await rig.start({ ...UNLIMITED, STORAGE_QUOTA_BYTES: String(QUOTA_BYTES) });
  const agent = await newAgent(worker, 'full');
  const cells: number[] = [];
  let refusedDeletes = 0;
  for (let cycle = 0; cycle < (isShort ? 6 : 12); cycle++) {
    const written = await fill(agent, cycle);
    cells.push(written);
    for (let at = 0; at < Math.max(1, written); at += 50) {
      const keys = Array.from({ length: 50 }, (_, n) => `cell-${at + n}`);
      const { answer } = await agent.call('blackboard_delete', { keys });
      if (answer === undefined) refusedDeletes++;
    }
  }
  const [first = 0] = cells;
  return [
    atLeast(
      'bound',
      { item: `cells of 16 KiB in the last of the cycles ${cells.join(', ')}`, value: Math.min(...cells) },
      Math.floor(first / 2),
    ),
    atMost('bound', { item: 'deletions that a full storage refused', value: refusedDeletes }, 0),
  ];
}

/** Writes until the quota refuses. @returns the number of cells */
async function fill(agent: Agent, cycle: number): Promise<number> {
  for (let n = 0; n < MAX_CELLS; n++) {
    const { error } = await agent.call('blackboard_write', { key: `cell-${n}`, value: `${cycle}${VALUE}` });
    if (error?.code === 'quota_exceeded') return n;
    if (error !== undefined) throw new Error(`a write failed: ${JSON.stringify(error)}`);
  }
  return MAX_CELLS;
}
