import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { AdminClient } from './admin-client.ts';
import { AdminRequests } from './admin-requests.ts';
import { readyText } from './connect.ts';
import { demoKey } from './demo-member.ts';
import { DEMO_TENANT, demoToken, ensureDemoTenant } from './demo-token.ts';
import { DEV_VARS, devVarsAreOpen, ensureDevVars } from './dev-vars.ts';
import { MemberClient } from './member-client.ts';
import { portProblem } from './port.ts';
import { serve } from './serve.ts';
import type { LocalSettings } from './settings.ts';
import { parseStartCommand, START_USAGE, type StartCommand } from './start-options.ts';
import { StateLock } from './state-folder.ts';
import { CliError, run } from './terminal.ts';

const WRANGLER_TOML = 'wrangler.toml';
const EXPLORER_PATH = '/cdn-cgi/local/explorer';

type Start = Extract<StartCommand, { name: 'start' }>;

function requireFiles(root: string): void {
  for (const file of [WRANGLER_TOML, 'src/index.ts']) {
    if (existsSync(join(root, file))) continue;
    throw new CliError('missing_file', `${file} is missing here. Run this in the folder of the project.`);
  }
}

/** Creates the demo tenant if there is none, and prints how to connect to it. */
async function introduce(root: string, base: string, { config }: LocalSettings): Promise<void> {
  const admin = new AdminRequests({ url: base, remedy: 'Look for its messages above.' }, config.adminKey);
  const client = new AdminClient(admin);
  const { suspended } = await ensureDemoTenant(client);
  if (suspended) {
    console.log(
      `Bulkhead is ready at ${config.mcpUrl}. Tenant ${DEMO_TENANT} is suspended: \`npm run -s tenant -- resume ${DEMO_TENANT}\`.`,
    );
  } else {
    const { token, expires_at } = await demoToken(client, { root, base, url: config.mcpUrl });
    const key = config.oauth === undefined ? undefined : await demoKey(new MemberClient(admin), root, config);
    console.log(
      readyText({ url: config.mcpUrl, token }, { tenant: DEMO_TENANT, expiresAt: expires_at, key }),
    );
  }
  console.log('Calls are logged below, one JSON line each. Ctrl-C stops the server.\n');
}

function warnOfExplorer(base: string): void {
  console.error(
    `The local explorer is on: until this server stops, every process of this machine can read and change the data of all tenants at ${base}${EXPLORER_PATH} without a credential.`,
  );
}

/** Checks and prepares everything that does not need the server, then runs it. */
async function start(root: string, { port, explorer }: Start): Promise<void> {
  if (ensureDevVars()) console.log(`${DEV_VARS} was created, with new random secrets.`);
  else if (devVarsAreOpen()) {
    console.error(`Other users can read the secrets in ${DEV_VARS}. Run \`chmod 600 ${DEV_VARS}\`.`);
  }
  const base = `http://127.0.0.1:${port}`;
  console.log(`Starting Bulkhead on ${base} …`);
  // Loading wrangler takes a second, which the checks before need not wait for.
  const { readSettings } = await import('./settings.ts');
  const settings = readSettings(WRANGLER_TOML, port);
  for (const name of settings.unknown) {
    console.error(`${name} in ${DEV_VARS} is not a setting of the server and has no effect.`);
  }
  if (explorer) warnOfExplorer(base);
  await serve({
    server: { root, port, explorer, vars: settings.overrides },
    base,
    introduce: () => introduce(root, base, settings),
  });
}

async function main(): Promise<void> {
  const command = parseStartCommand(process.argv.slice(2), process.env);
  if (command.name === 'help') {
    console.log(START_USAGE);
    return;
  }
  const root = process.cwd();
  requireFiles(root);
  const problem = await portProblem(command.port);
  // A server that runs here already is the better explanation of a taken port.
  const lock = StateLock.acquire(root, { pid: process.pid, url: `http://127.0.0.1:${command.port}` });
  try {
    if (problem !== undefined) throw problem;
    await start(root, command);
  } finally {
    lock.release();
  }
}

await run(main);
