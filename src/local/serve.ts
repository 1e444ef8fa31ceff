import type { Readable, Writable } from 'node:stream';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { catalogue } from '../catalogue.ts';
import { PublishedTools } from '../mcp/published-tools.ts';
import { createLog, type Log, type LogLevel } from '../telemetry/log.ts';
import { describeCause } from '../telemetry/redact.ts';
import { Connection } from './connection.ts';
import { openDirectory } from './directory.ts';
import { Listens, MAX_LISTENS } from './listens.ts';
import { StdioTransport } from './stdio-transport.ts';
import { LocalTenant } from './tenant.ts';

export interface ServeOptions {
  readonly directory: string;
  readonly logLevel: LogLevel;
  readonly input: Readable;
  readonly output: Writable;
  readonly errors: Writable;
  /** Ends the server, as the end of input does. */
  readonly stop: AbortSignal;
}

/**
 * Serves one client on a pair of streams until its input ends.
 * @throws DataError when the data directory cannot be used
 */
export async function serveLocal({ directory, logLevel, errors, ...options }: ServeOptions): Promise<void> {
  const log = createLog({ level: logLevel, format: 'json' }, undefined, (line) => errors.write(`${line}\n`));
  const tenant = new LocalTenant({ db: openDirectory(directory), log });
  tenant.start();
  try {
    await serve(tenant, log, options);
  } finally {
    tenant.close();
  }
}

async function serve(
  tenant: LocalTenant,
  log: Log,
  { input, output, stop }: Pick<ServeOptions, 'input' | 'output' | 'stop'>,
): Promise<void> {
  const tools = new PublishedTools(catalogue.tools);
  const listens = new Listens();
  const connections: Connection[] = [];
  const transport = new StdioTransport(input, output, {
    received: (message) => listens.received(message),
    answered: (id) => listens.answered(id),
    inputEnded: () => {
      for (const connection of connections) connection.stopWaiting();
    },
  });
  const ready = () => transport.ready();
  // Called twice at most: for a client that asks what there is, and again when it then speaks an older revision.
  const server = serveStdio(
    async ({ era }) => {
      const connection = await Connection.open({ tenant, tools, era, listens, ready });
      connections.push(connection);
      return connection.server;
    },
    { transport, maxSubscriptions: MAX_LISTENS, onerror: (error) => report(log, error) },
  );
  const stopped = new Promise<void>((resolve) => {
    if (stop.aborted) resolve();
    else stop.addEventListener('abort', () => resolve(), { once: true });
  });
  await Promise.race([transport.finished, stopped]);
  await server.close();
}

function report(log: Log, error: Error): void {
  log({
    level: 'warn',
    event: 'request.refused',
    code: 'protocol',
    cause: describeCause(error, undefined, {}),
  });
}
