import { parseSize } from '../tenant/contract/size.ts';
import { ALL_SCOPES, type Scope } from '../tools/tool.ts';
import { usageError } from './terminal.ts';

/**
 * Scopes from repeated, comma-separated texts, each once.
 * @param option the name of the option, for the error message
 * @throws CliError `usage`
 */
export function parseScopes(texts: readonly string[], option: string): Scope[] {
  const names = new Set(texts.flatMap((text) => text.split(',')).map((text) => text.trim()));
  const scopes = ALL_SCOPES.filter((scope) => names.delete(scope));
  const [unknown] = names;
  if (unknown === undefined) return scopes;
  const problem =
    unknown === '' ? `--${option} has an empty scope.` : `--${option}: there is no scope ${unknown}.`;
  throw usageError(`${problem} Use one of ${ALL_SCOPES.join(', ')}.`);
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

/** The first characters of tenant ids. @throws CliError `usage` */
export function parsePrefix(text: string): string {
  if (/^[a-z0-9-]{1,63}$/.test(text)) return text;
  throw usageError('--prefix must be the first characters of tenant ids: lower-case letters, digits and -.');
}

/** The status of tenants. @throws CliError `usage` */
export function parseStatus(text: string): 'active' | 'suspended' {
  if (text === 'active' || text === 'suspended') return text;
  throw usageError('--status must be active or suspended.');
}

/** A number of tenants. @throws CliError `usage` */
export function parseCount(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw usageError('--limit must be a whole number from 1 to 999999999. For all tenants write --all.');
}

/** The limits that belong to the tenant as a whole, beside its bucket. */
export const QUOTAS = ['storage', 'calls_per_day', 'calls_per_month'] as const;
type Assigned = { rate?: number; burst?: number } & Partial<Record<(typeof QUOTAS)[number], number>>;

const ASSIGNMENT =
  '--set takes rate=CALLS_PER_SECOND and burst=CALLS, for example rate=50 burst=200, storage=SIZE, calls_per_day=CALLS or calls_per_month=CALLS.';

/**
 * Limits from words such as `rate=50`, `burst=200`, `storage=200MB` and `calls_per_day=1000`, at least one of them.
 * @throws CliError `usage`
 */
export function parseAssignments(words: readonly string[]): Assigned {
  const change: Assigned = {};
  for (const word of words) {
    const [name, value] = parseAssignment(word);
    if (change[name] !== undefined) throw usageError(`--set has ${name} twice. Give it once.`);
    change[name] = value;
  }
  return change;
}

function parseAssignment(word: string): [name: keyof Assigned, value: number] {
  const size = storageSize(word);
  if (size !== undefined) return ['storage', size];
  const [, quota, calls] = /^(calls_per_day|calls_per_month)=([1-9]\d{0,12})$/.exec(word) ?? [];
  if (quota === 'calls_per_day' || quota === 'calls_per_month') return [quota, Number(calls)];
  const [, name, digits] = /^(rate|burst)=(\d{1,9}(?:\.\d{1,3})?)$/.exec(word) ?? [];
  if (name === 'rate' || (name === 'burst' && Number.isInteger(Number(digits))))
    return [name, Number(digits)];
  throw usageError(ASSIGNMENT);
}

/** The bytes of `storage=200MB` or `storage=1GiB`; undefined for a word that is not about the storage. */
function storageSize(word: string): number | undefined {
  if (!word.startsWith('storage=')) return undefined;
  const bytes = parseSize(word.slice('storage='.length));
  if (bytes !== undefined) return bytes;
  throw usageError('storage must be a whole number with a unit: storage=200MB, storage=1GiB.');
}

const GROUPS = ['day', 'month', 'tool', 'token', 'client'] as const;

/** Which usage is shown, and how. */
export interface UsageQuery {
  readonly by: (typeof GROUPS)[number];
  readonly since: string | undefined;
  readonly until: string | undefined;
  readonly csv: boolean;
}

/** The server checks the moments. @throws CliError `usage` */
export function usageQuery(given: {
  readonly by?: string | undefined;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly csv?: boolean | undefined;
}): UsageQuery {
  const { by: text = 'day', since, until, csv = false } = given;
  const by = GROUPS.find((group) => group === text);
  if (by === undefined) throw usageError(`--by must be one of ${GROUPS.join(', ')}.`);
  return { by, since, until, csv };
}
