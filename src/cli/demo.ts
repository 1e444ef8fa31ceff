import { AdminClient, adminKey, serverUrl } from './admin-client.ts';
import { backoff } from './demo/backoff.ts';
import { caching } from './demo/caching.ts';
import { type Cast, withCast } from './demo/cast.ts';
import { failures } from './demo/failures.ts';
import { handover } from './demo/handover.ts';
import { isolation } from './demo/isolation.ts';
import { queue } from './demo/queue.ts';
import { Report } from './demo/report.ts';
import { run } from './terminal.ts';

const SCENES: readonly ((cast: Cast) => Promise<void>)[] = [
  handover,
  queue,
  failures,
  caching,
  backoff,
  isolation,
];

/** Runs every scene. A scene that throws counts as a failed check, and the next scenes still run. */
async function play(cast: Cast): Promise<void> {
  for (const scene of SCENES) {
    try {
      await scene(cast);
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'unknown error';
      cast.report.check(`the scene runs to its end: ${reason}`, false);
    }
  }
}

async function main(): Promise<void> {
  const url = serverUrl();
  const report = new Report(process.stdout.isTTY && process.env.NO_COLOR === undefined);
  console.log(`Bulkhead demo, against ${url}`);
  await withCast(new AdminClient(url, adminKey()), { url, report }, play);
  report.summary();
  if (report.failed > 0) process.exitCode = 1;
}

await run(main);
