import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import type { DemoContext } from './context.ts';

const lookupSchema = z.object({ match: z.string(), resolution: z.string().nullable() });
const recordSchema = z.object({ status: z.string(), scar_id: z.string(), occurrences: z.int() });
const resolveSchema = z.object({ confidence: z.number(), verified: z.boolean() });

const FIX = 'Run the migration with a lock timeout of 5 s, then repeat the deploy.';

/** The same failure, each time with different ids and times in its message. */
const failure = () => ({
  error_type: 'MigrationLockTimeout',
  tool: 'deploy',
  error_message: `request ${randomUUID()} gave up after ${20_000 + Math.floor(Math.random() * 10_000)} ms`,
});

/** A fix that one agent recorded for a failure is returned to the next agent that has the same failure. */
export async function failures({ report, worker, reviewer }: DemoContext): Promise<void> {
  report.title('3. Meet the same failure twice');

  const unknown = await worker.call('scar_lookup', failure(), lookupSchema);
  report.check('a new failure is unknown', unknown.match === 'none');

  const first = await worker.call(
    'scar_record',
    { ...failure(), agent: 'worker', resolution: FIX },
    recordSchema,
  );
  report.note(`worker recorded the failure and its fix (${first.status})`);
  report.check('the failure is new', first.status === 'new');

  const met = failure();
  const known = await reviewer.call('scar_lookup', met, lookupSchema);
  report.note(`reviewer looked up the same failure with another id in its message: ${known.match}`);
  report.check('the reviewer gets the fix', known.match === 'exact' && known.resolution === FIX);

  const second = await reviewer.call('scar_record', { ...met, agent: 'reviewer' }, recordSchema);
  report.check(
    'it counts as the same failure',
    second.status === 'seen' && second.scar_id === first.scar_id && second.occurrences === 2,
  );

  const resolved = await reviewer.call(
    'scar_resolve',
    { scar_id: first.scar_id, outcome: 'worked', agent: 'reviewer' },
    resolveSchema,
  );
  report.note(`reviewer reported that the fix worked; its confidence is now ${resolved.confidence}`);
  report.check('a fix confirmed by another agent is verified', resolved.verified);
}
