import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import type { Cast } from './cast.ts';

const lookupSchema = z.object({ match: z.string(), resolution: z.string().nullable() });
const recordSchema = z.object({ status: z.string(), scar_id: z.string(), occurrences: z.int() });
const resolveSchema = z.object({ confidence: z.number(), verified: z.boolean() });

const FIX = 'Run the migration with a lock timeout of 5 s, then repeat the deploy.';

/** The same failure, each time with other ids and times in its message. */
const failure = () => ({
  error_type: 'MigrationLockTimeout',
  tool: 'deploy',
  error_message: `request ${randomUUID()} gave up after ${20_000 + Math.floor(Math.random() * 10_000)} ms`,
});

/** What one agent learnt from a failure is there for the next agent that runs into it. */
export async function failures({ report, worker, reviewer }: Cast): Promise<void> {
  report.title('3. Run into the same failure twice');

  const unknown = await worker.call('scar_lookup', failure(), lookupSchema);
  report.check('nothing is known of a failure that no one had', unknown.match === 'none');

  const first = await worker.call(
    'scar_record',
    { ...failure(), agent: 'worker', resolution: FIX },
    recordSchema,
  );
  report.say(`worker recorded the failure and its fix (${first.status})`);
  report.check('the failure is new', first.status === 'new');

  const met = failure();
  const known = await reviewer.call('scar_lookup', met, lookupSchema);
  report.say(`reviewer met it with another id in its message and looked it up: ${known.match}`);
  report.check('the reviewer is given the fix', known.match === 'exact' && known.resolution === FIX);

  const second = await reviewer.call('scar_record', { ...met, agent: 'reviewer' }, recordSchema);
  report.check(
    'it is counted as the same failure',
    second.status === 'seen' && second.scar_id === first.scar_id && second.occurrences === 2,
  );

  const resolved = await reviewer.call(
    'scar_resolve',
    { scar_id: first.scar_id, outcome: 'worked', agent: 'reviewer' },
    resolveSchema,
  );
  report.say(`reviewer reported that the fix worked; it now has confidence ${resolved.confidence}`);
  report.check('a fix that another agent confirmed is verified', resolved.verified);
}
