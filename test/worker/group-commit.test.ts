import { expect, test, vi } from 'vitest';
import { HttpTenant } from '../support/http.ts';

const write = (key: string) => ({
  jsonrpc: '2.0',
  id: key,
  method: 'tools/call',
  params: { name: 'blackboard_write', arguments: { key, value: 1 } },
});

test('writes that arrive together share turns, and each is answered with a revision of its own', async () => {
  const tenant = await HttpTenant.create();
  // A turn of the tenant begins when a body was read; nothing else here reads one in this way.
  const turns = vi.spyOn(Response.prototype, 'arrayBuffer');
  const keys = Array.from({ length: 12 }, (_, index) => `key-${index}`);
  const answers = await Promise.all(
    keys.map(async (key) => {
      const answer = await (await tenant.post(write(key))).json<{
        id: string;
        result: { structuredContent: { rev: number } };
      }>();
      return { id: answer.id, rev: answer.result.structuredContent.rev };
    }),
  );
  expect(answers.map(({ id }) => id)).toEqual(keys);
  expect(new Set(answers.map(({ rev }) => rev))).toEqual(new Set(keys.map((_, index) => index + 1)));
  expect(turns.mock.calls.length).toBeGreaterThan(0);
  expect(turns.mock.calls.length).toBeLessThan(keys.length);
});
