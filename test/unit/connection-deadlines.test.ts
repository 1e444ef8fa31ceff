import { afterAll, beforeAll, expect, test } from 'vitest';
import { PLATFORM } from '../../src/connections/http/platform.ts';
import { ToolError } from '../../src/tools/errors.ts';
import { openCrm } from '../support/fake-service.ts';
import { type HostileServer, startHostileServer } from '../support/hostile-server.ts';

/** Services that keep a request waiting, over real sockets, with deadlines that pass fifty times as fast. */

const FASTER = 50;
const platform = {
  ...PLATFORM,
  timeout: (ms: number) => AbortSignal.timeout(ms / FASTER),
  wait: (ms: number, signal: AbortSignal) => PLATFORM.wait(ms / FASTER, signal),
};

let service: HostileServer;
beforeAll(async () => {
  service = await startHostileServer();
});
afterAll(() => service.stop());

test.each(['drip', 'silent', 'trickle'])('one that is %s is given up at the deadline', async (path) => {
  const { crm, connections } = openCrm(platform, service.url);
  const startedAt = performance.now();
  const failure: unknown = await crm.fetch(path).catch((cause: unknown) => cause);
  expect(failure).toBeInstanceOf(ToolError);
  expect(failure).toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('takes too long'),
    detail: { retry_after_ms: 5000 },
  });
  // Two attempts of 15 seconds are the 30 seconds that a request has.
  expect(performance.now() - startedAt).toBeGreaterThan(550);
  expect(connections.uses()).toEqual([{ name: 'crm', succeeded: 0, failed: 2 }]);
  await expect.poll(() => service.open()).toBe(0);
});

test('a request that is not repeated is given up after one attempt', async () => {
  const { crm, connections } = openCrm(platform, service.url);
  await expect(crm.fetch('drip', { method: 'POST', text: 'x' })).rejects.toMatchObject({
    code: 'unavailable',
  });
  expect(connections.uses()).toEqual([{ name: 'crm', succeeded: 0, failed: 1 }]);
});
