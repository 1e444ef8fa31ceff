import { backoff } from './backoff.ts';
import { caching } from './caching.ts';
import type { DemoContext } from './context.ts';
import { failures } from './failures.ts';
import { handover } from './handover.ts';
import { isolation } from './isolation.ts';
import { queue } from './queue.ts';

const STEPS: readonly ((context: DemoContext) => Promise<void>)[] = [
  handover,
  queue,
  failures,
  caching,
  backoff,
  isolation,
];

/** Runs every step. A step that throws counts as a failed check, and the next steps still run. */
export async function runSteps(context: DemoContext): Promise<void> {
  for (const step of STEPS) {
    try {
      await step(context);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      context.report.check(`this step runs to its end: ${reason}`, false);
    }
  }
}
