import { parseArgs } from 'node:util';
import { usageError } from './terminal.ts';

export const USAGE = `Serves MCP on standard input and output, to the process that started it.

  stdio [--data DIR] [--verbose]        a server of its own, with its data in DIR or in the user's data directory
  stdio --url URL [--token-file FILE]   a bridge to a Bulkhead elsewhere; the token is BULKHEAD_TOKEN or in FILE

--verbose writes a line for every call to standard error.`;

export type StdioCommand =
  | { readonly name: 'help' }
  | { readonly name: 'local'; readonly data: string | undefined; readonly verbose: boolean }
  | {
      readonly name: 'bridge';
      readonly url: string;
      readonly token: string | undefined;
      readonly tokenFile: string | undefined;
    };

/**
 * Reads the command line of `stdio`.
 * @throws CliError `usage` that says what is wrong with it
 */
export function parseStdioCommand(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): StdioCommand {
  const { data, verbose = false, url, 'token-file': tokenFile, help } = optionsOf(argv);
  if (help === true) return { name: 'help' };
  if (url === undefined) {
    if (tokenFile !== undefined) throw usageError('--token-file is for a bridge: name its --url too.');
    if (data === '') throw usageError('--data must name a directory.');
    return { name: 'local', data, verbose };
  }
  if (data !== undefined) throw usageError('A bridge keeps no data: use --url or --data, not both.');
  if (verbose) throw usageError('--verbose is for a server of its own: a bridge logs nothing of calls.');
  return { name: 'bridge', url, token: env.BULKHEAD_TOKEN, tokenFile };
}

function optionsOf(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        data: { type: 'string' },
        verbose: { type: 'boolean' },
        url: { type: 'string' },
        'token-file': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const [problem = ''] = error.message.split(/\. |\n/);
    throw usageError(`${problem.replace(/\.$/, '')}; see \`stdio --help\`.`);
  }
}
