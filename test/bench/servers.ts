import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { catalogue } from '../../src/catalogue.ts';
import { JSON_HEADERS, requestJson } from './requests.ts';
import {
  type BuiltWorker,
  buildWorker,
  type RunningWorker,
  runWorker,
  type WorkerSource,
} from './workerd.ts';

/** The servers of the benchmark: how they are built and started. */

export const ADMIN_KEY = randomBytes(32).toString('base64url');
export const SECRETS = {
  ADMIN_KEY,
  TOKEN_KEYS: `bench:${randomBytes(32).toString('base64url')}`,
  CONNECTION_KEYS: `bench:${randomBytes(32).toString('base64url')}`,
};
/** Limits that count every call and never refuse one. */
export const UNLIMITED = {
  TENANT_RATE: '100000',
  TENANT_BURST: '1000000',
  TOOL_RATE: '100000',
  TOOL_BURST: '1000000',
  REQUEST_RATE: '100000',
  REQUEST_BURST: '1000000',
};
export const TOOL_NAMES = catalogue.tools.map(({ name }) => name);

const CONFIG = 'test/bench/workers/wrangler.toml';
const AGENT_CONFIG = 'test/bench/workers/wrangler.mcp-agent.toml';
const worker = (name: string, config = CONFIG): WorkerSource => ({
  name,
  config,
  entry: `test/bench/workers/${name}.ts`,
});
export const RIVALS = {
  floor: worker('floor'),
  unguarded: worker('unguarded'),
  'agents-handler': worker('agents-handler'),
  'mcp-agent': worker('mcp-agent', AGENT_CONFIG),
} as const;
export type Rival = keyof typeof RIVALS;

/** The name of the Worker of this checkout in all tables, and of the one of `--against`. */
export const OURS = 'bulkhead';
export const AGAINST = 'against';
/** The same Worker without records, which only the benchmark can build. */
export const WITHOUT_RECORDS = 'without records';

export const ourSource = (name: string, root?: string): WorkerSource => ({
  name,
  config: 'wrangler.toml',
  entry: 'src/index.ts',
  ...(root === undefined ? {} : { root }),
});

export const WITHOUT_RECORDS_SOURCE: WorkerSource = {
  ...worker('without-records', 'wrangler.toml'),
  name: WITHOUT_RECORDS,
};

/** The same Worker with a tool that reaches a service of its tenant. */
export const CONNECTED = 'connected';
export const CONNECTED_SOURCE = worker(CONNECTED, 'wrangler.toml');

/** Builds Workers once each, starts them as often as needed and ends them all. */
export class Servers {
  readonly #directory: string;
  readonly #built = new Map<string, BuiltWorker>();
  readonly #running: RunningWorker[] = [];

  /** @param directory for bundles, logs and the storage that is on disk */
  constructor(directory: string) {
    this.#directory = directory;
  }

  build(source: WorkerSource): void {
    this.#built.set(source.name, buildWorker(source, this.#directory));
  }

  /**
   * Starts a Worker that was built.
   * @param storage the folder under which its databases are
   * @param vars replace settings of its configuration
   */
  async start(name: string, storage: string, vars: Readonly<Record<string, string>> = {}) {
    const built = this.#built.get(name);
    if (built === undefined) throw new Error(`${name} was not built`);
    const started = await runWorker(built, {
      storage: join(storage, `storage-${name}-${this.#running.length}`),
      vars: { ...SECRETS, PUBLIC_URL: 'http://127.0.0.1', TOOL_NAMES: JSON.stringify(TOOL_NAMES), ...vars },
    });
    this.#running.push(started);
    return started;
  }

  get pids(): number[] {
    return this.#running.map(({ pid }) => pid);
  }

  async stop(): Promise<void> {
    for (const running of this.#running) await running.stop();
  }
}

const OPERATOR_HEADERS = { ...JSON_HEADERS, authorization: `Bearer ${ADMIN_KEY}` };

/** A request of the operator's. */
export function operate<T>(origin: string, method: string, path: string, body?: object): Promise<T> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  return requestJson<T>(method, `${origin}/admin${path}`, OPERATOR_HEADERS, text);
}

/** Creates a tenant as an operator does. @returns a token of it */
export async function createTenant(origin: string, id: string): Promise<string> {
  await operate(origin, 'POST', '/tenants', { id });
  return issueToken(origin, id);
}

export async function issueToken(origin: string, tenant: string): Promise<string> {
  const { token } = await operate<{ token: string }>(origin, 'POST', `/tenants/${tenant}/tokens`, {});
  return token;
}
