import type { Readable, Writable } from 'node:stream';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { catalogue } from '../catalogue.ts';
import { PublishedTools } from '../mcp/published-tools.ts';
import { createLog, type Log, type LogLevel } from '../telemetry/log.ts';
import type { Collector } from '../telemetry/otel/post.ts';
import { describeCause } from '../telemetry/redact.ts';
import { Connection } from './connection.ts';
import { readConnections } from './connections.ts';
import { openDirectory, reserveIn } from './directory.ts';
import type { DiskReserve } from './disk-reserve.ts';
import { isFull } from './full-disk.ts';
import { ListenSubscriptions, MAX_LISTEN_REQUESTS } from './listen-subscriptions.ts';
import { LocalSpans } from './spans.ts';
import { StdioTransport } from './stdio-transport.ts';
import { LocalTenant } from './tenant.ts';

export interface ServeOptions {
  readonly directory: string;
  readonly logLevel: LogLevel;
  /** Where spans are exported to; undefined when they are not. */
  readonly collector: Collector | undefined;
  readonly input: Readable;
  readonly output: Writable;
  readonly errors: Writable;
  /** Ends the server, like the end of the input. */
  readonly stop: AbortSignal;
}

/**
 * Serves one client on a pair of streams until its input ends, its output fails, or `stop` aborts. Afterwards the
 * database is closed.
 * @throws DataError when the data directory cannot be used
 */
export async function serveLocal({
  directory,
  logLevel,
  collector,
  errors,
  ...options
}: ServeOptions): Promise<void> {
  const log = createLog({ level: logLevel, format: 'json' }, undefined, (line) => errors.write(`${line}\n`));
  const tenant = openTenant(directory, log);
  const spans = collector && new LocalSpans(collector, log);
  // A tool can drop a promise that fails later. Node would end the process, and with it the calls of others.
  const onDropped = (cause: unknown) => logDropped(log, cause);
  process.on('unhandledRejection', onDropped);
  tenant.start();
  try {
    await serve({ tenant, log, spans }, options);
  } finally {
    tenant.close();
    await spans?.close();
    process.off('unhandledRejection', onDropped);
  }
}

/** Opens the tenant of a directory; on a full disk with the help of its reserve, because opening writes as well. */
function openTenant(directory: string, log: Log): LocalTenant {
  const reserve = reserveIn(directory);
  const open = () => {
    const db = openDirectory(directory);
    try {
      return new LocalTenant({ db, log, reserve, connections: readConnections(directory) });
    } catch (cause) {
      db.close();
      throw cause;
    }
  };
  const tenant = openWithReserve(open, reserve);
  reserve.keep();
  return tenant;
}

function openWithReserve(open: () => LocalTenant, reserve: DiskReserve): LocalTenant {
  try {
    return open();
  } catch (cause) {
    if (!isFull(cause) || !reserve.release()) throw cause;
    return open();
  }
}

async function serve(
  { tenant, log, spans }: { tenant: LocalTenant; log: Log; spans: LocalSpans | undefined },
  { input, output, stop }: Pick<ServeOptions, 'input' | 'output' | 'stop'>,
): Promise<void> {
  const tools = new PublishedTools(catalogue.tools);
  const subscriptions = new ListenSubscriptions();
  const connections: Connection[] = [];
  const transport = new StdioTransport(input, output, {
    onReceived: (message) => subscriptions.register(message),
    onAnswered: (id) => subscriptions.remove(id),
    onInputEnd: () => {
      for (const connection of connections) connection.stopWaiting();
    },
  });
  const whenWritable = () => transport.whenWritable();
  // Called at most twice: a client may send `server/discover` of the 2026 revision and then continue with a 2025 one.
  const server = serveStdio(
    async ({ era }) => {
      const connection = await Connection.open({ tenant, tools, era, subscriptions, spans, whenWritable });
      connections.push(connection);
      return connection.server;
    },
    { transport, maxSubscriptions: MAX_LISTEN_REQUESTS, onerror: (error) => logProtocolError(log, error) },
  );
  const stopped = new Promise<void>((resolve) => {
    if (stop.aborted) resolve();
    else stop.addEventListener('abort', () => resolve(), { once: true });
  });
  await Promise.race([transport.finished, stopped]);
  await server.close();
}

function logDropped(log: Log, cause: unknown): void {
  log({ level: 'error', event: 'edge.error', code: 'internal', cause: describeCause(cause, undefined, {}) });
}

function logProtocolError(log: Log, error: Error): void {
  log({
    level: 'warn',
    event: 'request.refused',
    code: 'protocol',
    cause: describeCause(error, undefined, {}),
  });
}
