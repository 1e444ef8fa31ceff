import { createServer } from 'node:net';
import { CliError } from './terminal.ts';

const DEFAULT_PORT = 8787;

/**
 * The port that the server listens on.
 * @param text the value of `name`; undefined or empty for the default port
 * @param name the option or variable, for the error message
 * @throws CliError `port`
 */
export function parsePort(text: string | undefined, name: string): number {
  if (text === undefined || (text === '' && name === 'PORT')) return DEFAULT_PORT;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw new CliError('port', `${name} must be a whole number from 1 to 65535.`);
}

/** Why nothing can listen on a port of the loopback interface; undefined if it is free. */
export function portProblem(port: number): Promise<CliError | undefined> {
  const { promise, resolve } = Promise.withResolvers<CliError | undefined>();
  const probe = createServer();
  probe.once('error', (error: NodeJS.ErrnoException) => {
    const reason = error.code === 'EADDRINUSE' ? 'is taken' : `cannot be listened on (${error.code})`;
    const other = port === DEFAULT_PORT ? DEFAULT_PORT + 1 : DEFAULT_PORT;
    resolve(
      new CliError(
        'port',
        `Port ${port} ${reason}. Choose another one, for example \`npm start -- --port ${other}\`.`,
      ),
    );
  });
  probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(undefined)));
  return promise;
}
