import { randomBytes } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { CliError } from './terminal.ts';

/** The local secrets and settings: wrangler reads this file from the directory of wrangler.toml. */
export const DEV_VARS = '.dev.vars';

const SECRET_BYTES = 32;
const OTHERS = 0o077;

const secret = () => randomBytes(SECRET_BYTES).toString('base64url');

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/**
 * Makes `.dev.vars` with fresh secrets, readable by its owner alone, unless there is one.
 * @returns whether it was made now
 */
export function ensureDevVars(): boolean {
  try {
    writeFileSync(DEV_VARS, `TOKEN_KEYS=k1:${secret()}\nADMIN_KEY=${secret()}\n`, {
      flag: 'wx',
      mode: 0o600,
    });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw new CliError('dev_vars', `${DEV_VARS} could not be written here (${codeOf(error)}).`);
  }
}

/** Whether others than the owner may read the file. */
export function devVarsAreOpen(): boolean {
  return process.platform !== 'win32' && (statSync(DEV_VARS).mode & OTHERS) !== 0;
}

/** The names and values of `.dev.vars`; undefined when there is no such file. */
export function readDevVars(): Record<string, string | undefined> | undefined {
  try {
    return parseEnv(readFileSync(DEV_VARS, 'utf8'));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new CliError('dev_vars', `${DEV_VARS} could not be read (${codeOf(error)}).`);
  }
}
