import { expect, test } from 'vitest';
import { AdminRequests } from '../../src/cli/admin-requests.ts';
import { actionsOf, actionsOutput } from '../../src/cli/tenant-actions.ts';

/** `tenant actions`: what the command line makes of the list of the operator's actions. */

const action = (n: number) => ({
  at: `2026-11-26T14:00:0${n}.000Z`,
  tenant: n === 0 ? null : 'acme',
  action: n === 0 ? 'POST sign-in' : 'PATCH limits',
  by: n === 0 ? 'ann\u202e' : null,
  code: n === 1 ? 'invalid_input' : null,
  changed:
    n === 2
      ? [
          { what: 'status', from: 'active', to: 'suspended' },
          { what: 'limits.x', from: 3 },
        ]
      : [],
});

test('pages are read until there are as many as were asked for', async () => {
  const paths: string[] = [];
  const admin = Object.assign(Object.create(AdminRequests.prototype), {
    request: async (_method: string, path: string) => {
      paths.push(path);
      return paths.length === 1
        ? { actions: [action(2), action(1)], next_cursor: 'c1' }
        : { actions: [action(0)], next_cursor: 'c2' };
    },
  });
  expect(await actionsOf(admin, 3)).toHaveLength(3);
  expect(paths).toEqual(['/actions?limit=3', '/actions?limit=1&cursor=c1']);
});

test('the newest is printed last, with what was refused and what was changed', () => {
  const { text, document } = actionsOutput([action(2), action(1), action(0)]);
  expect(text.split('\n').map((line) => line.replaceAll(/ {2,}/g, ' | '))).toEqual([
    'TIME | TENANT | ACTION | RESULT | BY | CHANGED',
    '2026-11-26T14:00:00.000Z | (the deployment) | POST sign-in | done | ann<U+202E>',
    '2026-11-26T14:00:01.000Z | acme | PATCH limits | invalid_input',
    '2026-11-26T14:00:02.000Z | acme | PATCH limits | done | status from active to suspended; limits.x from 3 removed',
  ]);
  expect(document).toEqual({ actions: [action(2), action(1), action(0)] });
  expect(actionsOutput([]).text).toBe('Nothing was done with the admin key yet.');
});
