import { expect, test } from 'vitest';
import { openDatabase } from '../../src/local/database.ts';
import { createdCompartment, openCompartment, type TestCompartment } from '../support/compartment.ts';
import { START } from '../support/fake-time.ts';
import { createOldTenant } from '../support/old-database.ts';
import type { Answer } from '../support/tenant.ts';

/** The index of free cells is behind by up to 64 revisions, and the oldest free cell is found all the same. */

function caller(server: TestCompartment, token = server.issue()) {
  return (tool: string, args: object): Answer => {
    const outcome = server.call(token, tool, args);
    if (outcome.kind !== 'answer') throw new Error(JSON.stringify(outcome));
    return JSON.parse(outcome.json);
  };
}

/** Whole numbers below `n`, the same ones in each run. */
function numbers(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % n;
  };
}

/** The key of the free cell with the lowest revision, found without an index. */
const oldestFree = ({ db }: TestCompartment, prefix: string) =>
  db.exec<{ key: string }>(
    `SELECT key FROM board_cells NOT INDEXED WHERE claim_until IS NULL AND attempts < 5 AND key GLOB ? ORDER BY rev LIMIT 1`,
    `${prefix}*`,
  )[0]?.key;

test.each([11, 12, 13])(
  'the oldest is claimed, whichever cells were written again lately (seed %i)',
  (seed) => {
    const server = createdCompartment();
    const call = caller(server);
    const below = numbers(seed);
    let latest = 0;
    for (let step = 0; step < 700; step++) {
      const folder = ['q/a', 'q/b', 'q/b/c'][below(3)];
      const what = below(10);
      if (what < 7) call('blackboard_write', { key: `${folder}/${below(12)}`, value: step });
      else {
        const prefix = ['q/', 'q/a/', 'q/b/'][below(3)] ?? '';
        const expected = oldestFree(server, prefix);
        const [indexed] = server.db.exec<{ rev: number }>('SELECT rev FROM board_indexed');
        const [cell] = server.db.exec<{ rev: number }>(
          'SELECT rev FROM board_cells WHERE key = ?',
          expected ?? '',
        );
        if ((cell?.rev ?? 0) > (indexed?.rev ?? 0)) latest++;
        const claimed = call('blackboard_claim', { prefix, by: 'w', ttl_s: 600 });
        expect(claimed.key, `step ${step}`).toBe(expected);
        if (expected === undefined) continue;
        const end = [{ requeue: true }, { delete: true }, { tags: ['next'], value: step }, { failed: 'no' }][
          below(4)
        ];
        call('blackboard_release', { claim_id: claimed.claim_id, ...end });
      }
      server.clock.now += 10;
    }
    expect(latest).toBeGreaterThan(5);
  },
);

test('cells of an earlier release are claimed in the order of their revisions, which need not be that of their ids', () => {
  const db = openDatabase();
  const token = createOldTenant(db, '0071');
  for (const [key, rev] of [
    ['q/late', 9],
    ['q/early', 3],
    ['q/middle', 5],
  ] as const)
    db.exec(
      `INSERT INTO board_cells (run_id, key, rev, author, principal, updated_at, versions, bytes, tags, value)
       VALUES ('default', ?, ?, 'old', 'old', ?, 1, 1, '[]', '1')`,
      key,
      rev,
      START,
    );
  db.exec('UPDATE ledger SET rev = 9');
  db.exec('UPDATE board_indexed SET rev = 9');
  const server = openCompartment({ db });
  const call = caller(server, token);
  const claim = () => call('blackboard_claim', { prefix: 'q/', by: 'w', ttl_s: 600 }).key;
  expect(call('blackboard_read', { key: 'q/late' }).entries[0].rev).toBe(9);
  expect(claim()).toBe('q/early');
  expect(call('blackboard_write', { key: 'q/middle', value: 2 }).rev).toBe(11);
  expect(claim()).toBe('q/late');
  expect(claim()).toBe('q/middle');
});
