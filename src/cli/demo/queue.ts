import * as z from 'zod';
import type { Agent } from './agent.ts';
import type { DemoContext } from './context.ts';

const BOARD = { run_id: 'work-queue' };
const ITEMS = 6;
/** The time to live of claims, in seconds. Short, so that the wait for the dead agent's claim is short. */
const CLAIM_S = 2;
/** Longer than the claim of the dead agent, in seconds. */
const WAIT_S = 10;

const writeSchema = z.object({ status: z.string(), reason: z.string().optional() });
const claimSchema = z.object({
  status: z.string(),
  claim_id: z.string().optional(),
  key: z.string().optional(),
  attempts: z.int().optional(),
  retry_after_ms: z.int().optional(),
  held: z.int().optional(),
});
const listSchema = z.object({ entries: z.array(z.object({ key: z.string(), preview: z.string() })) });

const claim = (agent: Agent, what: object) =>
  agent.call('blackboard_claim', { ...BOARD, by: agent.name, ttl_s: CLAIM_S, ...what }, claimSchema);
const finish = (agent: Agent, claim_id: string | undefined) =>
  agent.call('blackboard_release', { ...BOARD, claim_id, value: `done by ${agent.name}` }, writeSchema);

/** Claims and finishes items until none is free. @returns the keys of the finished items */
async function finishAll(agent: Agent): Promise<string[]> {
  const finished: string[] = [];
  for (let item = 0; item < ITEMS; item++) {
    const claimed = await claim(agent, { tags: ['todo'] });
    if (claimed.status !== 'claimed' || claimed.key === undefined) break;
    await finish(agent, claimed.claim_id);
    finished.push(claimed.key);
  }
  return finished;
}

/** Several agents share a queue. The item of an agent that died is finished by another agent, and only once. */
export async function queue({ report, planner, worker, reviewer }: DemoContext): Promise<void> {
  report.title('2. Share a work queue, and lose an agent');
  const entries = Array.from({ length: ITEMS }, (_, n) => ({
    key: `item/${n}`,
    value: 'to do',
    tags: ['todo'],
  }));
  await planner.call('blackboard_write', { ...BOARD, entries }, writeSchema);

  const lost = await claim(worker, { tags: ['todo'] });
  report.note(`planner queued ${ITEMS} items; worker claimed ${lost.key} and died`);

  const [byPlanner, byReviewer] = await Promise.all([finishAll(planner), finishAll(reviewer)]);
  report.note(`planner finished ${byPlanner.length} items, reviewer ${byReviewer.length}`);
  const finished = [...byPlanner, ...byReviewer];
  report.check('two agents in parallel finish each item once', new Set(finished).size === finished.length);
  report.check(
    'every item is finished except the one claimed by the dead agent',
    finished.length === ITEMS - 1 && lost.key !== undefined && !finished.includes(lost.key),
  );

  const none = await claim(reviewer, { tags: ['todo'] });
  report.check(
    'nothing is free, and the answer says that one item is held',
    none.status === 'none' && none.held === 1,
  );
  report.note(`reviewer waits until the claim on ${lost.key} expires, in ${none.retry_after_ms} ms`);
  const taken = await claim(reviewer, { tags: ['todo'], wait_s: WAIT_S });
  report.check(
    'then it gets the item, as the second attempt',
    taken.status === 'claimed' && taken.key === lost.key && taken.attempts === 2,
  );
  const done = await finish(reviewer, taken.claim_id);
  report.check('that agent finishes it', done.status === 'released');

  const late = await worker.call(
    'blackboard_write',
    { ...BOARD, key: lost.key, value: 'back from the dead', claim_id: lost.claim_id },
    writeSchema,
  );
  report.check(
    'a late write of the dead agent changes nothing, and is told why',
    late.status === 'claim_lost' && late.reason === 'expired',
  );
  const listed = await planner.call('blackboard_list', { ...BOARD, claimed: 'done' }, listSchema);
  report.check(
    'every item is done',
    listed.entries.length === ITEMS && listed.entries.every(({ preview }) => preview.includes('done by')),
  );
}
