import { parseArgs } from 'node:util';
import { parsePort } from './port.ts';
import { optionProblem, usageError } from './terminal.ts';

export const START_USAGE = `Usage: npm start -- [--port PORT] [--explorer]

Runs the server on this machine, creates the tenant demo, and prints how to connect to it.

  --port PORT   the port to listen on; without it the environment variable PORT, or 8787
  --explorer    also serve wrangler's local explorer, which shows the databases of all tenants to
                every process of this machine without asking for a credential`;

export type StartCommand =
  | { readonly name: 'help' }
  | { readonly name: 'start'; readonly port: number; readonly explorer: boolean };

/**
 * Parses the command line of `start`.
 * @throws CliError `usage` for an unknown option, `port` for a port that is none
 */
export function parseStartCommand(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): StartCommand {
  const { help, port, explorer = false } = optionsOf(argv);
  if (help === true) return { name: 'help' };
  return port === undefined
    ? { name: 'start', port: parsePort(env.PORT, 'PORT'), explorer }
    : { name: 'start', port: parsePort(port, '--port'), explorer };
}

function optionsOf(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        port: { type: 'string' },
        explorer: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw usageError(`${optionProblem(error)} See \`npm start -- --help\`.`);
  }
}
