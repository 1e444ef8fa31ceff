import { SCOPES, type Scope } from '../tools/tool.ts';
import type { LimitChange } from './admin-client.ts';
import { usageError } from './terminal.ts';

/**
 * Scopes from repeated, comma-separated texts, each once.
 * @param option the name of the option, for the error message
 * @throws CliError `usage`
 */
export function parseScopes(texts: readonly string[], option: string): Scope[] {
  const names = new Set(texts.flatMap((text) => text.split(',')).map((text) => text.trim()));
  const scopes = SCOPES.filter((scope) => names.delete(scope));
  const [unknown] = names;
  if (unknown === undefined) return scopes;
  const problem =
    unknown === '' ? `--${option} has an empty scope.` : `--${option}: there is no scope ${unknown}.`;
  throw usageError(`${problem} Use one of ${SCOPES.join(', ')}.`);
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/**
 * A time such as `90s`, `15m`, `12h` or `30d`, in seconds.
 * @throws CliError `usage`
 */
export function parseTtl(text: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const seconds = Number(digits) * (UNIT_SECONDS[unit] ?? 0);
  if (seconds > 0) return seconds;
  throw usageError('--ttl must be a whole number with a unit: 90s, 15m, 12h or 30d.');
}

/**
 * Limits from words such as `rate=50` and `burst=200`, either or both.
 * @throws CliError `usage`
 */
export function parseAssignments(words: readonly string[]): Pick<LimitChange, 'rate' | 'burst'> {
  const change: { rate?: number; burst?: number } = {};
  for (const word of words) {
    const [, name, digits] = /^(rate|burst)=(\d{1,9}(?:\.\d{1,3})?)$/.exec(word) ?? [];
    if ((name !== 'rate' && name !== 'burst') || (name === 'burst' && !Number.isInteger(Number(digits)))) {
      throw usageError('--set takes rate=CALLS_PER_SECOND and burst=CALLS, for example rate=50 burst=200.');
    }
    if (change[name] !== undefined) throw usageError(`--set has ${name} twice. Give it once.`);
    change[name] = Number(digits);
  }
  return change;
}
