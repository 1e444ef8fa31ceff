import { DEV_VARS, readDevVars } from './dev-vars.ts';
import { readServerRecord } from './state-folder.ts';
import { CliError, usageError } from './terminal.ts';

const DEFAULT_URL = 'http://127.0.0.1:8787';

/** The server that a command talks to. */
export interface ServerAddress {
  /** Scheme, host and maybe a path, without a slash at the end. */
  readonly url: string;
  /** A sentence for the case that it does not answer: what the user can do. */
  readonly remedy: string;
}

/**
 * The server that `BULKHEAD_URL` names; otherwise the one that `npm start` started last in this folder, on whatever
 * port; otherwise the default address.
 * @throws CliError `usage` when BULKHEAD_URL is not an address
 */
export function serverAddress(
  root: string,
  env: Readonly<Record<string, string | undefined>>,
): ServerAddress {
  const text = env.BULKHEAD_URL;
  if (text !== undefined && text !== '') {
    if (URL.canParse(text) && /^https?:\/\//.test(text) && !/[?#]/.test(text)) {
      return {
        url: text.replace(/\/+$/, ''),
        remedy: 'Check that it runs, and that BULKHEAD_URL is its address.',
      };
    }
    throw usageError(`BULKHEAD_URL must be the address of a server, for example ${DEFAULT_URL}.`);
  }
  const record = readServerRecord(root);
  return record === undefined
    ? { url: DEFAULT_URL, remedy: 'Run `npm start` first, or set BULKHEAD_URL to the address of a server.' }
    : {
        url: record.url,
        remedy:
          'That is where `npm start` ran last. Start it again, or set BULKHEAD_URL to the address of a server.',
      };
}

/**
 * The admin key, from `BULKHEAD_ADMIN_KEY` or `.dev.vars`.
 * @throws CliError `no_admin_key`
 */
export function adminKey(env: Readonly<Record<string, string | undefined>>): string {
  const key = env.BULKHEAD_ADMIN_KEY ?? readDevVars()?.ADMIN_KEY;
  if (key !== undefined && key !== '') return key;
  throw new CliError(
    'no_admin_key',
    `There is no admin key. Set BULKHEAD_ADMIN_KEY, or run this in the folder in which \`npm start\` created ${DEV_VARS}.`,
  );
}
