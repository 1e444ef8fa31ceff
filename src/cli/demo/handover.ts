import * as z from 'zod';
import type { Cast } from './cast.ts';

/** The board and cell that the other scenes try to reach as well. */
export const RUN = 'release-42';
export const PLAN = 'plan';

const writeSchema = z.object({
  status: z.string(),
  rev: z.int(),
  current: z.object({ rev: z.int(), value: z.unknown().optional() }).optional(),
});
const readSchema = z.object({
  entries: z.array(z.object({ found: z.boolean(), rev: z.int(), value: z.unknown().optional() })),
});
const planSchema = z.object({ todo: z.array(z.string()), done: z.array(z.string()) });

/** Work goes from one agent to another, and a write that came too late is told so instead of winning. */
export async function handover({ report, planner, worker }: Cast): Promise<void> {
  report.title('1. Hand work over on the blackboard');
  const cell = { run_id: RUN, key: PLAN };

  const plan = { todo: ['write notes', 'tag'], done: [] as string[] };
  const written = await planner.call('blackboard_write', { ...cell, value: plan }, writeSchema);
  report.say(`planner wrote ${RUN}/${PLAN} at rev ${written.rev}`);

  const read = await worker.call('blackboard_read', cell, readSchema);
  const [entry] = read.entries;
  const seen = planSchema.safeParse(entry?.value);
  report.check(
    'the worker reads what the planner wrote',
    seen.success && seen.data.todo.join() === plan.todo.join() && entry?.rev === written.rev,
  );

  const progress = { todo: ['tag'], done: ['write notes'] };
  const advanced = await worker.call(
    'blackboard_write',
    { ...cell, value: progress, if_rev: written.rev },
    writeSchema,
  );
  report.say(`worker finished a step, rev ${written.rev} → ${advanced.rev}`);
  report.check('the worker’s compare-and-set succeeds', advanced.status === 'updated');

  const late = { ...plan, todo: [...plan.todo, 'announce'] };
  const conflict = await planner.call(
    'blackboard_write',
    { ...cell, value: late, if_rev: written.rev },
    writeSchema,
  );
  report.say(`planner wrote against rev ${written.rev} and was told: ${conflict.status}`);
  const current = planSchema.safeParse(conflict.current?.value);
  report.check(
    'a write from an old revision conflicts, and carries what is there now',
    conflict.status === 'conflict' && conflict.current?.rev === advanced.rev && current.success,
  );
  if (!current.success || conflict.current === undefined) return;

  const merged = { ...current.data, todo: [...current.data.todo, 'announce'] };
  const recovered = await planner.call(
    'blackboard_write',
    { ...cell, value: merged, if_rev: conflict.current.rev },
    writeSchema,
  );
  report.say(`planner merged into the current value, rev ${recovered.rev}`);
  report.check('one more call recovers, and nothing of the worker is lost', recovered.status === 'updated');
}
