import * as z from 'zod';
import type { DemoContext } from './context.ts';

/** The board and cell that other steps use as well. */
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

/** One agent hands work to another. A write based on an old revision gets a conflict instead of overwriting newer work. */
export async function handover({ report, planner, worker }: DemoContext): Promise<void> {
  report.title('1. Hand over work on the blackboard');
  const cell = { run_id: RUN, key: PLAN };

  const plan = { todo: ['write notes', 'tag'], done: [] as string[] };
  const written = await planner.call('blackboard_write', { ...cell, value: plan }, writeSchema);
  report.note(`planner wrote ${RUN}/${PLAN} at rev ${written.rev}`);

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
  report.note(`worker finished a step: rev ${written.rev} → ${advanced.rev}`);
  report.check('the worker’s compare-and-set succeeds', advanced.status === 'updated');

  const late = { ...plan, todo: [...plan.todo, 'announce'] };
  const conflict = await planner.call(
    'blackboard_write',
    { ...cell, value: late, if_rev: written.rev },
    writeSchema,
  );
  report.note(`planner wrote with if_rev ${written.rev} and got: ${conflict.status}`);
  const current = planSchema.safeParse(conflict.current?.value);
  report.check(
    'a write based on an old revision is a conflict and returns the current value',
    conflict.status === 'conflict' && conflict.current?.rev === advanced.rev && current.success,
  );
  if (!current.success || conflict.current === undefined) return;

  const merged = { ...current.data, todo: [...current.data.todo, 'announce'] };
  const recovered = await planner.call(
    'blackboard_write',
    { ...cell, value: merged, if_rev: conflict.current.rev },
    writeSchema,
  );
  report.note(`planner merged its change into the current value: rev ${recovered.rev}`);
  report.check('one more call succeeds, and no work of the worker is lost', recovered.status === 'updated');
}
