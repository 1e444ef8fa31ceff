import { AdminClient } from './admin-client.ts';
import { AdminRequests } from './admin-requests.ts';
import { backoff } from './demo/backoff.ts';
import { caching } from './demo/caching.ts';
import { type DemoContext, withTenants } from './demo/context.ts';
import { failures } from './demo/failures.ts';
import { handover } from './demo/handover.ts';
import { isolation } from './demo/isolation.ts';
import { queue } from './demo/queue.ts';
import { Report } from './demo/report.ts';
import { adminKey, serverAddress } from './server-address.ts';
import { helpOnly, run } from './terminal.ts';

const DEMO_USAGE = `Usage: npm run demo

Shows with real clients what the tools and the limits do, and checks each result. It needs a running
server (\`npm start\`), creates two tenants on it, and erases them at the end. The exit code is 0 only if
every check has passed. BULKHEAD_URL and BULKHEAD_ADMIN_KEY name another server and its key.`;

const STEPS: readonly ((context: DemoContext) => Promise<void>)[] = [
  handover,
  queue,
  failures,
  caching,
  backoff,
  isolation,
];

/** Runs every step. A step that throws counts as a failed check, and the next steps still run. */
async function runSteps(context: DemoContext): Promise<void> {
  for (const step of STEPS) {
    try {
      await step(context);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      context.report.check(`this step runs to its end: ${reason}`, false);
    }
  }
}

async function main(): Promise<void> {
  if (helpOnly(process.argv.slice(2), DEMO_USAGE)) return;
  const server = serverAddress(process.cwd(), process.env);
  const report = new Report(process.stdout.isTTY && process.env.NO_COLOR === undefined);
  const admin = new AdminClient(new AdminRequests(server, adminKey(process.env)));
  await withTenants(admin, { url: server.url, report }, runSteps);
  report.summary();
  if (report.failed > 0) process.exitCode = 1;
}

await run(main);
