import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { measureBeside, type NeighbourOptions, type NeighbourResult } from './neighbours.ts';
import type { RunawayTask, ToolCall } from './runaway.ts';
import { createTenant, issueToken, operate } from './servers.ts';
import type { RunningWorker } from './workerd.ts';

/**
 * A tenant whose tools call a hostile service, in one workerd with a calm tenant. Eight connections call what answers without
 * end, in gigabytes, by redirects, in floods of headers or not at all; six calls are held by answers that drip.
 */

const LOOPS = 8;
const HELD = 6;
/** As an agent does that is refused. */
const REST_MS = 100;
const ANSWERS = [
  'zeros',
  'redirect',
  'endless',
  'missing',
  'bomb',
  'ok',
  'chunkedzeros',
  'echo',
  'flood',
  'long',
  'crumbs',
];

const call = (path: string): ToolCall => ({ tool: 'scar_fetch', args: { path } });
/** Each connection begins with another answer. */
const loops = Array.from({ length: LOOPS }, (_, n) =>
  ANSWERS.map((_path, step) => call(ANSWERS[(n + step) % ANSWERS.length] ?? 'ok')),
);
const held = Array.from({ length: HELD }, (_, n) => [call(n % 2 === 0 ? 'drip' : 'silent')]);

async function startService(): Promise<{ url: string; child: ChildProcess }> {
  const child = fork(fileURLToPath(new URL('hostile.ts', import.meta.url)), { stdio: 'inherit' });
  const [url] = await once(child, 'message');
  return { url: String(url), child };
}

/** What another tenant notices of it, and what other tools of the same tenant do. */
export async function measureHostileService(
  worker: RunningWorker,
  server: string,
  options: NeighbourOptions,
): Promise<NeighbourResult[]> {
  const { url, child } = await startService();
  try {
    // Each has a tenant of its own, so that a breaker that has opened does not spare the second.
    const hosted = async (id: string): Promise<RunawayTask> => {
      const token = await createTenant(worker.origin, id);
      const connection = { kind: 'http', url, header: 'X-Service-Key', secret: 'secret-of-the-service' };
      await operate(worker.origin, 'PUT', `/tenants/${id}/connections/crm`, connection);
      const calls = [...loops, ...held];
      return {
        origin: worker.origin,
        token,
        connections: calls.length,
        calls,
        restMs: REST_MS,
        leaves: true,
      };
    };
    const named = { server, aim: 'at most 3', of: 'a hostile service' };
    const beside = (limits: string, calm: string, task: RunawayTask) =>
      measureBeside(worker, { ...named, limits }, options, { calm, task });
    const [first, second] = [await hosted('hosted'), await hosted('shared')];
    return [
      await beside('another tenant', await createTenant(worker.origin, 'other'), first),
      await beside('other tools of the same tenant', await issueToken(worker.origin, 'shared'), second),
    ];
  } finally {
    child.disconnect();
  }
}
