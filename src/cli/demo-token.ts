import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import type { AdminClient } from './admin-client.ts';
import { callHeaders } from './connect.ts';
import { CliError } from './terminal.ts';

/** The tenant that `npm start` creates, so that a client can connect at once. */
export const DEMO_TENANT = 'demo';

const DIRECTORY = '.bulkhead';
const FILE = 'demo-token.json';
/** How many tokens are saved, one for each URL. */
const MAX_SAVED = 8;
const DAY_S = 86_400;
const TTL_S = 30 * DAY_S;
const PROBE_MS = 10_000;

const savedSchema = z.array(z.object({ url: z.string(), token: z.string(), expires_at: z.string() }));
type SavedToken = z.infer<typeof savedSchema>[number];

function readSaved(root: string): SavedToken[] {
  try {
    return savedSchema.parse(JSON.parse(readFileSync(join(root, DIRECTORY, FILE), 'utf8')));
  } catch {
    // A missing or damaged file does no harm, because a new token costs nothing.
    return [];
  }
}

function save(root: string, tokens: readonly SavedToken[]): void {
  const path = join(root, DIRECTORY, FILE);
  mkdirSync(join(root, DIRECTORY), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.new`, `${JSON.stringify(tokens.slice(0, MAX_SAVED), null, 2)}\n`, {
    mode: 0o600,
  });
  renameSync(`${path}.new`, path);
}

/** Whether the server accepts a token. The call of tenant_limits is free of charge. */
async function isAccepted(base: string, token: string): Promise<boolean> {
  const url = `${base}/mcp`;
  const response = await fetch(url, {
    method: 'POST',
    headers: callHeaders({ url, token }),
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'tenant_limits', arguments: {} },
    }),
    signal: AbortSignal.timeout(PROBE_MS),
  });
  await response.body?.cancel();
  return response.ok;
}

/** Creates the demo tenant, unless it exists. */
export async function ensureDemoTenant(client: AdminClient): Promise<{ suspended: boolean }> {
  try {
    const tenant = await client.show(DEMO_TENANT);
    return { suspended: tenant.status === 'suspended' };
  } catch (error) {
    if (!(error instanceof CliError) || error.code !== 'not_found') throw error;
    await client.create(DEMO_TENANT);
    return { suspended: false };
  }
}

/**
 * A token of the demo tenant. The saved one is used again while it is valid for another day, so that the configuration
 * of clients still works after a restart.
 * @param options.url the public MCP URL, for which the token is valid
 * @param options.base the address at which the server is reached from here
 */
export async function demoToken(
  client: AdminClient,
  options: { root: string; base: string; url: string },
): Promise<SavedToken> {
  const known = readSaved(options.root);
  const old = known.find((token) => token.url === options.url);
  const soon = Date.now() + DAY_S * 1000;
  if (old !== undefined && Date.parse(old.expires_at) > soon && (await isAccepted(options.base, old.token))) {
    return old;
  }
  const issued = await client.issueToken(DEMO_TENANT, { ttl_s: TTL_S, label: 'npm start' });
  const fresh = { url: options.url, token: issued.token, expires_at: issued.expires_at };
  save(options.root, [fresh, ...known.filter((token) => token.url !== options.url)]);
  return fresh;
}
