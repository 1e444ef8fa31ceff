import { createServer } from 'node:net';
import { CliError } from './terminal.ts';

const DEFAULT_PORT = 8787;

/** Where the server listens, from the text of `PORT`. */
export function parsePort(text: string | undefined): number {
  if (text === undefined || text === '') return DEFAULT_PORT;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw new CliError('port', 'PORT must be a whole number from 1 to 65535.');
}

/** Refuses a port of the loopback interface that cannot be listened on. */
export function requireFreePort(port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const probe = createServer();
  probe.once('error', (error: NodeJS.ErrnoException) => {
    const why = error.code === 'EADDRINUSE' ? 'is taken' : `cannot be listened on (${error.code})`;
    const other = port === DEFAULT_PORT ? DEFAULT_PORT + 1 : DEFAULT_PORT;
    reject(
      new CliError('port', `Port ${port} ${why}; start on another one, such as \`PORT=${other} npm start\`.`),
    );
  });
  probe.listen(port, '127.0.0.1', () => probe.close(() => resolve()));
  return promise;
}
