import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { AdminClient } from './admin-client.ts';
import { readyText } from './connect.ts';
import { DEMO_TENANT, demoToken, ensureDemoTenant } from './demo-token.ts';
import { DEV_VARS, devVarsAreOpen, ensureDevVars } from './dev-vars.ts';
import { parsePort, requireFreePort } from './port.ts';
import { ServerProcess } from './server-process.ts';
import type { LocalSettings } from './settings.ts';
import { CliError, run } from './terminal.ts';

const READY_MS = 60_000;
const POLL_MS = 100;
const PROBE_MS = 2000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const WRANGLER_TOML = 'wrangler.toml';

function requireFiles(root: string): void {
  for (const file of [WRANGLER_TOML, 'src/index.ts']) {
    if (existsSync(join(root, file))) continue;
    throw new CliError('missing_file', `${file} is missing here: run this in the directory of the project.`);
  }
}

async function isHealthy(base: string): Promise<boolean> {
  try {
    const response = await fetch(`${base}/health`, { signal: AbortSignal.timeout(PROBE_MS) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

async function untilHealthy(base: string, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + READY_MS;
  while (!signal.aborted) {
    if (await isHealthy(base)) return;
    if (Date.now() > deadline) {
      throw new CliError('not_ready', `The server was not ready within ${READY_MS / 1000} seconds.`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Makes sure of the demo tenant and prints how to connect to it. */
async function introduce(root: string, base: string, { config }: LocalSettings): Promise<void> {
  const client = new AdminClient(base, config.adminKey);
  const { suspended } = await ensureDemoTenant(client);
  if (suspended) {
    console.log(
      `Bulkhead is ready at ${config.mcpUrl}. Tenant ${DEMO_TENANT} is suspended: \`npm run -s tenant -- resume ${DEMO_TENANT}\`.`,
    );
    return;
  }
  const { token, expires_at } = await demoToken(client, { root, base, url: config.mcpUrl });
  console.log(readyText({ url: config.mcpUrl, token }, { tenant: DEMO_TENANT, expiresAt: expires_at, base }));
}

/** Serves until a signal comes, or until wrangler ends by itself, which is a failure. */
async function serve(root: string, port: number, settings: LocalSettings): Promise<void> {
  const base = `http://127.0.0.1:${port}`;
  const stopping = new AbortController();
  const stopAsked = new Promise<'stop'>((resolve) => {
    const stop = () => {
      stopping.abort();
      resolve('stop');
    };
    for (const signal of SIGNALS) process.on(signal, stop);
    // Whoever read the output has gone.
    process.stdout.on('error', stop);
  });
  const server = new ServerProcess({ root, port, vars: settings.overrides });
  const died = server.ended.then(() => 'died' as const);
  const ready = untilHealthy(base, stopping.signal)
    .then(() => (stopping.signal.aborted ? undefined : introduce(root, base, settings)))
    .then(() => 'ready' as const);
  try {
    let next = await Promise.race([stopAsked, died, ready]);
    if (next === 'ready') {
      server.relay();
      console.log(`Calls are logged below, one JSON line each. Ctrl-C stops the server.\n`);
      next = await Promise.race([stopAsked, died]);
    }
    if (next === 'died') throw new CliError('died', 'The server ended by itself.');
  } finally {
    stopping.abort();
    await server.stop();
  }
}

async function main(): Promise<void> {
  const root = process.cwd();
  requireFiles(root);
  const port = parsePort(process.env.PORT);
  await requireFreePort(port);
  if (ensureDevVars()) console.log(`${DEV_VARS} was made, with fresh secrets.`);
  else if (devVarsAreOpen()) {
    console.error(`Others can read ${DEV_VARS}, which holds secrets: \`chmod 600 ${DEV_VARS}\`.`);
  }
  console.log(`Starting Bulkhead on http://127.0.0.1:${port} …`);
  // wrangler takes a second to load, which what was refused above need not wait for.
  const { readSettings } = await import('./settings.ts');
  const settings = readSettings(WRANGLER_TOML, port);
  for (const name of settings.unknown) {
    console.error(`${name} in ${DEV_VARS} is no setting, so it does nothing.`);
  }
  await serve(root, port, settings);
}

await run(main);
