import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { openTenant } from '#host';

/** What happens to a tenant, in any order. */
const ACTS = [
  'write',
  'read',
  'conflict',
  'invalid',
  'unknown',
  'refused',
  'limited',
  'restart',
  'pause',
  'month',
] as const;
const MONTH_MS = 30 * 86_400_000;

test('whatever happens in whichever order, ids have no gap and the chain verifies', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...ACTS), { minLength: 5, maxLength: 8 }), async (acts) => {
      const tenant = await openTenant({ rate: 1, burst: 12 });
      const narrow = await tenant.otherPrincipal(['cache:read']);
      let rev = 0;
      for (const act of acts) {
        if (act === 'restart') await tenant.restart();
        else if (act === 'pause') await tenant.elapse(20_000);
        else if (act === 'month') await tenant.elapse(MONTH_MS);
        else if (act === 'refused') await narrow.outcome('blackboard_list', {});
        else if (act === 'read') await tenant.outcome('blackboard_read', { key: 'k' });
        else if (act === 'unknown') await tenant.outcome('no_such_tool', {});
        else if (act === 'invalid') await tenant.outcome('blackboard_write', { key: 'k' });
        else if (act === 'conflict')
          await tenant.outcome('blackboard_write', { key: 'k', value: 1, if_rev: 999 });
        else if (act === 'write') {
          const outcome = await tenant.outcome('blackboard_write', { key: 'k', value: rev });
          if (outcome.kind === 'answer') expect(JSON.parse(outcome.json).rev).toBe(++rev);
        } else for (let call = 0; call < 15; call++) await tenant.outcome('blackboard_list', {});
      }
      const { broken, first, last } = await tenant.verify();
      expect(broken).toBeUndefined();
      expect(last).toBeGreaterThanOrEqual(first - 1);
    }),
    { numRuns: 3, examples: [[['limited', 'limited', 'restart', 'read']]] },
  );
});
