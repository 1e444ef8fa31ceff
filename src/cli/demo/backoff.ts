import * as z from 'zod';
import type { Cast } from './cast.ts';
import { PLAN, RUN } from './handover.ts';

const TOOL = 'blackboard_read';
const RATE = 1;
const BURST = 5;
/** Calls of the runaway loop. */
const LOOP = 40;
/** A timer may fire early by less than a millisecond. */
const TIMER_SLACK_MS = 1;

const anySchema = z.object({});
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A loop that runs away is held at the limit, is told how long to wait, and waiting that long works. */
export async function backoff({ report, admin, tenant, worker, outsider }: Cast): Promise<void> {
  report.title('5. Run into the limit and back off');
  await admin.setLimits(tenant, { tool: TOOL, rate: RATE, burst: BURST });
  report.say(`the operator gave ${TOOL} ${RATE} call a second, ${BURST} at once`);

  const args = { run_id: RUN, key: PLAN };
  const started = Date.now();
  let passed = 0;
  let refused = 0;
  let told = true;
  let retryAfterMs = 0;
  for (let call = 0; call < LOOP; call++) {
    const reply = await worker.attempt(TOOL, args, anySchema);
    if (reply.ok) {
      passed++;
      continue;
    }
    refused++;
    retryAfterMs = reply.error.retry_after_ms ?? 0;
    told &&= reply.error.code === 'rate_limited' && reply.error.retryable && retryAfterMs > 0;
  }
  const seconds = (Date.now() - started) / 1000;
  report.say(`${LOOP} calls in ${seconds.toFixed(1)} s: ${passed} passed, ${refused} were refused`);
  report.check(
    'no more pass than the bucket held and refilled',
    passed <= BURST + Math.ceil(seconds * RATE) && refused > 0,
  );
  report.check('every refusal says when to come back', told && refused > 0);

  const other = await outsider.attempt(TOOL, args, anySchema);
  report.check('the other tenant does not notice', other.ok);

  // The last call of the loop may have passed; one more makes sure that there is a time to wait for.
  for (let call = 0; call <= BURST; call++) {
    const reply = await worker.attempt(TOOL, args, anySchema);
    if (reply.ok) continue;
    retryAfterMs = reply.error.retry_after_ms ?? 0;
    break;
  }
  report.say(`worker waits the ${retryAfterMs} ms that it was told`);
  await wait(retryAfterMs + TIMER_SLACK_MS);
  const again = await worker.attempt(TOOL, args, anySchema);
  report.check('after that wait the next call passes', again.ok);
}
