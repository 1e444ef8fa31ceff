import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import type { TestHarness } from 'wrangler';
import { BUNDLE, bundleForMiniflare, miniflareOptions } from './bundle.ts';
import { TEST_SECRETS } from './secrets.ts';

/** A started server, on a loopback port of its own and with storage of its own. */
export interface TestServer {
  /** The origin; the MCP endpoint is `/mcp` under it. */
  readonly url: string;
  readonly adminKey: string;
  /**
   * Evicts a tenant's object, which starts again from its storage at the next request.
   * @param webSockets whether its streams sleep meanwhile, or break, as they do when it moves to another machine
   */
  evict(tenant: string, webSockets?: 'hibernate' | 'close'): Promise<void>;
  /** What it has logged so far. */
  lines(): string[];
  stop(): Promise<void>;
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Starts the Worker in workerd, with the bindings of its configuration.
 * What `wrangler dev` puts in front of it is in the tests of `npm start`, and of `startEntry`.
 * @param vars replace settings of its configuration
 */
export async function startServer(vars: Record<string, string> = {}): Promise<TestServer> {
  const options = miniflareOptions(await sharedBundle());
  const lines: string[] = [];
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      ...options,
      bindings: { ...options.bindings, ...TEST_SECRETS, ...vars },
      host: '127.0.0.1',
      port: 0,
      cf: false,
      logRequests: false,
      handleStructuredLogs: ({ message }) => lines.push(message),
    }),
  );
  const url = await miniflare.ready;
  return {
    url: url.origin,
    adminKey: TEST_SECRETS.ADMIN_KEY,
    evict: (tenant, webSockets = 'hibernate') =>
      miniflare.unsafeEvictDurableObject(options.name ?? '', 'Tenant', { name: tenant, webSockets }),
    lines: () => [...lines],
    stop: () => miniflare.dispose(),
  };
}

/** The bundle of the tests' global setup; a script has none, so it makes one that goes with its process. */
async function sharedBundle(): Promise<string> {
  const known = process.env[BUNDLE];
  if (known !== undefined) return known;
  const made = await bundleForMiniflare();
  process.env[BUNDLE] = made;
  process.once('exit', () => rmSync(made, { recursive: true, force: true }));
  return made;
}

const MAIN = 'main = "src/index.ts"';

/**
 * Starts another entry as `wrangler dev` would, with the configuration of production, of which nothing but the entry is replaced.
 * @param entry its path, from the root of the project
 * @param bindings is added to the configuration
 */
export async function startEntry(
  entry: string,
  vars: Record<string, string>,
  bindings = '',
): Promise<TestServer> {
  const directory = mkdtempSync(join(tmpdir(), 'bulkhead-entry-'));
  const configPath = join(directory, 'wrangler.toml');
  const config = readFileSync(join(ROOT, 'wrangler.toml'), 'utf8');
  if (!config.includes(MAIN)) throw new Error(`wrangler.toml does not have ${MAIN}`);
  const main = `main = ${JSON.stringify(join(ROOT, entry))}`;
  writeFileSync(configPath, `${config.replace(MAIN, main)}\n${bindings}`);
  const harness = await underWrangler(configPath, vars);
  const { url } = await harness.listen();
  return {
    url: url.origin,
    adminKey: TEST_SECRETS.ADMIN_KEY,
    evict: (tenant, webSockets = 'hibernate') =>
      harness.getWorker().evictDurableObject('Tenant', { name: tenant, webSockets }),
    lines: () => harness.getLogs().map(({ message }) => message),
    stop: async () => {
      await harness.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function underWrangler(configPath: string, vars: Record<string, string>): Promise<TestHarness> {
  Object.assign(process.env, {
    WRANGLER_SEND_METRICS: 'false',
    WRANGLER_SEND_ERROR_REPORTS: 'false',
    CLOUDFLARE_CF_FETCH_ENABLED: 'false',
    X_LOCAL_OBSERVABILITY: 'false',
  });
  // Loaded only now, because wrangler reads these variables when it is loaded.
  const { createTestHarness } = await import('wrangler');
  return createTestHarness({ root: ROOT, workers: [{ configPath, vars, secrets: TEST_SECRETS }] });
}

interface Limit {
  tool?: string;
  rate?: number;
  burst?: number;
}

/** What the operator does for a test. */
export class Operator {
  readonly #server: TestServer;

  constructor(server: TestServer) {
    this.#server = server;
  }

  async request(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
    const response = await fetch(`${this.#server.url}/admin${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#server.adminKey}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${answer}`);
    return JSON.parse(answer);
  }

  /** Creates a tenant under limits; returns a token of it. */
  async tenant(id: string, ...limits: Limit[]): Promise<string> {
    await this.request('POST', '/tenants', { id });
    for (const limit of limits) await this.request('PATCH', `/tenants/${id}/limits`, limit);
    const { token } = await this.request('POST', `/tenants/${id}/tokens`, {});
    return String(token);
  }
}
