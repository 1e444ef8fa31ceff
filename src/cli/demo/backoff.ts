import * as z from 'zod';
import type { DemoContext } from './context.ts';
import { PLAN, RUN } from './handover.ts';

const TOOL = 'blackboard_read';
const RATE = 1;
const BURST = 5;
/** The number of calls in the runaway loop. */
const LOOP = 40;
/** A timer can fire up to one millisecond early. */
const TIMER_SLACK_MS = 1;

const anySchema = z.object({});
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A runaway loop is rate-limited. Another agent of the tenant that waits as long as its refusal says succeeds. */
export async function backoff({
  report,
  admin,
  tenant,
  planner,
  worker,
  outsider,
}: DemoContext): Promise<void> {
  report.title('5. Hit the rate limit and back off');
  await admin.setLimits(tenant, { tool: TOOL, rate: RATE, burst: BURST });
  report.note(`the operator limits ${TOOL} to ${RATE} call per second with a burst of ${BURST}`);

  const args = { run_id: RUN, key: PLAN };
  const started = Date.now();
  let passed = 0;
  let refused = 0;
  let allSayWhen = true;
  let retryAfterMs = 0;
  for (let call = 0; call < LOOP; call++) {
    const reply = await worker.attempt(TOOL, args, anySchema);
    if (reply.ok) {
      passed++;
      continue;
    }
    refused++;
    retryAfterMs = reply.error.retry_after_ms ?? 0;
    allSayWhen &&= reply.error.code === 'rate_limited' && reply.error.retryable && retryAfterMs > 0;
  }
  const seconds = (Date.now() - started) / 1000;
  report.note(`${LOOP} calls in ${seconds.toFixed(1)} s: ${passed} succeeded, ${refused} were refused`);
  report.check(
    'no more calls succeed than the bucket allows',
    passed <= BURST + Math.ceil(seconds * RATE) && refused > 0,
  );
  report.check('every refusal says how long to wait', allSayWhen && refused > 0);

  const other = await outsider.attempt(TOOL, args, anySchema);
  report.check('the other tenant is not affected', other.ok);

  // A call may succeed before one is refused, because the bucket refills meanwhile.
  for (let call = 0; call <= BURST; call++) {
    const reply = await planner.attempt(TOOL, args, anySchema);
    if (reply.ok) continue;
    retryAfterMs = reply.error.retry_after_ms ?? 0;
    break;
  }
  report.note(`planner, beside the runaway worker, waits ${retryAfterMs} ms, as its refusal says`);
  await wait(retryAfterMs + TIMER_SLACK_MS);
  const again = await planner.attempt(TOOL, args, anySchema);
  report.check('after that wait its call succeeds', again.ok);
}
