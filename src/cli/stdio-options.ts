import { parseArgs } from 'node:util';
import { optionProblem, usageError } from './terminal.ts';

export const STDIO_USAGE = `Serves MCP on standard input and output, to the process that started it.

  stdio [--data DIR] [--verbose]        a local server; its data is in DIR or in the user's data directory
  stdio --url URL [--token-file FILE]   a bridge to another Bulkhead server; the token is BULKHEAD_TOKEN or in FILE
  stdio --url URL --login               the same, without a token: you sign in once, in the browser
  stdio --url URL --logout              forgets that sign-in, and ends what it allows

--verbose logs every call to standard error, not only those that fail.`;

export type StdioCommand =
  | { readonly name: 'help' }
  | { readonly name: 'local'; readonly data: string | undefined; readonly verbose: boolean }
  | {
      readonly name: 'bridge';
      readonly url: string;
      readonly token: string | undefined;
      readonly tokenFile: string | undefined;
      readonly login: boolean;
    }
  | { readonly name: 'logout'; readonly url: string };

/**
 * Parses the command line of `stdio`.
 * @throws CliError `usage`
 */
export function parseStdioCommand(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): StdioCommand {
  const {
    data,
    verbose = false,
    url,
    'token-file': tokenFile,
    login = false,
    logout,
    help,
  } = optionsOf(argv);
  if (help === true) return { name: 'help' };
  if (url === undefined) {
    if (tokenFile !== undefined)
      throw usageError('--token-file is for a bridge. Add --url with the address of the server.');
    if (login || logout)
      throw usageError(
        `${login ? '--login' : '--logout'} is for a bridge. Add --url with the address of the server.`,
      );
    if (data === '') throw usageError('--data must not be empty. Name a directory.');
    return { name: 'local', data, verbose };
  }
  if (data !== undefined) throw usageError('A bridge stores no data. Use --url or --data, not both.');
  if (verbose)
    throw usageError('--verbose is for a local server: a bridge does not log calls. Leave it out.');
  if (logout && (login || tokenFile !== undefined))
    throw usageError('--logout needs --url alone. Leave out --login and --token-file.');
  if (logout) return { name: 'logout', url };
  if (login && tokenFile !== undefined)
    throw usageError('--login obtains a token by itself. Use --login or --token-file, not both.');
  return { name: 'bridge', url, token: env.BULKHEAD_TOKEN, tokenFile, login };
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
        login: { type: 'boolean' },
        logout: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw usageError(`${optionProblem(error)} See \`stdio --help\`.`);
  }
}
