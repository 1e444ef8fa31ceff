import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import type { AdminClient } from './admin-client.ts';
import { callHeaders } from './connect.ts';
import { CliError } from './terminal.ts';

/** The tenant that `npm start` makes, so that there is something to connect to. */
export const DEMO_TENANT = 'demo';

const DIRECTORY = '.bulkhead';
const FILE = 'demo-token.json';
/** Tokens that are remembered, one for each URL. */
const MAX_REMEMBERED = 8;
const DAY_S = 86_400;
const TTL_S = 30 * DAY_S;
const PROBE_MS = 10_000;

const rememberedSchema = z.array(z.object({ url: z.string(), token: z.string(), expires_at: z.string() }));
type Remembered = z.infer<typeof rememberedSchema>[number];

function recall(root: string): Remembered[] {
  try {
    return rememberedSchema.parse(JSON.parse(readFileSync(join(root, DIRECTORY, FILE), 'utf8')));
  } catch {
    // No file, or one that a person has edited: a new token costs nothing.
    return [];
  }
}

function remember(root: string, tokens: readonly Remembered[]): void {
  const path = join(root, DIRECTORY, FILE);
  mkdirSync(join(root, DIRECTORY), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.new`, `${JSON.stringify(tokens.slice(0, MAX_REMEMBERED), null, 2)}\n`, {
    mode: 0o600,
  });
  renameSync(`${path}.new`, path);
}

/** Asks the server for the limits, which is free of charge. */
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

/** A tenant to show, made on first use. */
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
 * A token of the demo tenant for `url`: the one issued before, as long as it is good for another day, so that pasted
 * configuration outlives a restart; else a new one.
 * @param options.base where the server listens, which `url` may name differently
 */
export async function demoToken(
  client: AdminClient,
  options: { root: string; base: string; url: string },
): Promise<Remembered> {
  const known = recall(options.root);
  const old = known.find((token) => token.url === options.url);
  const soon = Date.now() + DAY_S * 1000;
  if (old !== undefined && Date.parse(old.expires_at) > soon && (await isAccepted(options.base, old.token))) {
    return old;
  }
  const issued = await client.issueToken(DEMO_TENANT, { ttl_s: TTL_S, label: 'npm start' });
  const fresh = { url: options.url, token: issued.token, expires_at: issued.expires_at };
  remember(options.root, [fresh, ...known.filter((token) => token.url !== options.url)]);
  return fresh;
}
