import { randomBytes } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { CliError } from './terminal.ts';

/** The file with local secrets and settings. wrangler reads it from the folder of wrangler.toml. */
export const DEV_VARS = '.dev.vars';

const SECRET_BYTES = 32;
const OTHER_USERS = 0o077;

const secret = () => randomBytes(SECRET_BYTES).toString('base64url');

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/**
 * Creates `.dev.vars` with new random secrets, readable by its owner only. An existing file is left as it is.
 * @returns whether the file was created
 * @throws CliError `dev_vars` when it cannot be written
 */
export function ensureDevVars(): boolean {
  try {
    writeFileSync(
      DEV_VARS,
      `TOKEN_KEYS=k1:${secret()}\nADMIN_KEY=${secret()}\nCONNECTION_KEYS=c1:${secret()}\n`,
      {
        flag: 'wx',
        mode: 0o600,
      },
    );
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw new CliError(
      'dev_vars',
      `${DEV_VARS} could not be written here (${codeOf(error)}). Check the permissions of this folder.`,
    );
  }
}

/** Whether other users than the owner may read the file. */
export function devVarsAreOpen(): boolean {
  return process.platform !== 'win32' && (statSync(DEV_VARS).mode & OTHER_USERS) !== 0;
}

/** The names and values in `.dev.vars`; undefined if the file does not exist. */
export function readDevVars(): Record<string, string | undefined> | undefined {
  try {
    return parseEnv(readFileSync(DEV_VARS, 'utf8'));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new CliError(
      'dev_vars',
      `${DEV_VARS} could not be read (${codeOf(error)}). Check its permissions.`,
    );
  }
}
