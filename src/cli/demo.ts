import { randomBytes } from 'node:crypto';
import { AdminClient } from './admin-client.ts';
import { AdminRequests } from './admin-requests.ts';
import { withTenants } from './demo/context.ts';
import { Report } from './demo/report.ts';
import { runSteps } from './demo/steps.ts';
import { adminKey, serverAddress } from './server-address.ts';
import { helpOnly, run } from './terminal.ts';

const DEMO_USAGE = `Usage: npm run demo

Shows with real clients what the tools and the limits do, and checks each result. It needs a running
server (\`npm start\`), creates two tenants on it, and erases them at the end. The exit code is 0 only if
every check has passed. BULKHEAD_URL and BULKHEAD_ADMIN_KEY name another server and its key.`;

async function main(): Promise<void> {
  if (helpOnly(process.argv.slice(2), DEMO_USAGE)) return;
  const server = serverAddress(process.cwd(), process.env);
  const report = new Report(process.stdout.isTTY && process.env.NO_COLOR === undefined);
  const admin = new AdminClient(new AdminRequests(server, adminKey(process.env)));
  const suffix = randomBytes(4).toString('hex');
  const tenants = { ours: `demo-ours-${suffix}`, others: `demo-other-${suffix}` };
  await withTenants(admin, { url: server.url, report, tenants }, runSteps);
  report.summary();
  if (report.failed > 0) process.exitCode = 1;
}

await run(main);
