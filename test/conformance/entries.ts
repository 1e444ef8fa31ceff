import { Operator, startEntry, startServer } from '../support/server.ts';
import { startProxy } from './proxy.ts';

const FIXTURE = 'test/conformance/worker.ts';

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
  const server = await (entry === 'fixture' ? startEntry(FIXTURE, vars) : startServer(vars));
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
