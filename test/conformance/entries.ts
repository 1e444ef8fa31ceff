import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Operator, startServer, type TestServer } from '../support/server.ts';
import { startProxy } from './proxy.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MAIN = 'main = "src/index.ts"';

/** What the suite runs against: the Worker as it is, or the same with the tools of the scenarios. */
export type Entry = 'fixture' | 'production';

export interface Target {
  /** The MCP endpoint, for a client that sends no credential. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts an entry behind a proxy that shows a token of a new tenant for the client. */
export async function startTarget(entry: Entry): Promise<Target> {
  const proxy = await startProxy();
  const vars = { PUBLIC_URL: proxy.origin };
  const server = await (entry === 'fixture' ? startFixture(vars) : startServer(vars));
  const token = await new Operator(server).tenant('conformance');
  proxy.forwardTo({ url: server.url, token });
  return {
    url: `${proxy.origin}/mcp`,
    stop: async () => {
      await proxy.stop();
      await server.stop();
    },
  };
}

/** Starts the fixture's entry with the configuration of production, of which nothing but the entry is replaced. */
async function startFixture(vars: Record<string, string>): Promise<TestServer> {
  const directory = mkdtempSync(join(tmpdir(), 'bulkhead-conformance-'));
  const configPath = join(directory, 'wrangler.toml');
  const config = readFileSync(join(ROOT, 'wrangler.toml'), 'utf8');
  if (!config.includes(MAIN)) throw new Error(`wrangler.toml does not have ${MAIN}`);
  writeFileSync(
    configPath,
    config.replace(MAIN, `main = ${JSON.stringify(join(ROOT, 'test/conformance/worker.ts'))}`),
  );
  const server = await startServer(vars, configPath);
  return {
    ...server,
    stop: async () => {
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
