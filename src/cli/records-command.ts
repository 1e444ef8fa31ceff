import { parseCount } from './tenant-values.ts';
import { usageError } from './terminal.ts';

/** The commands about what the agents of a tenant did. */

export type RecordCommand =
  | {
      name: 'calls';
      id: string;
      filters: Readonly<Record<string, string>>;
      limit: number;
      follow: boolean;
    }
  | { name: 'runs'; id: string; filters: Readonly<Record<string, string>>; limit: number }
  | { name: 'trace'; id: string; of: { run: number } | { trace: string }; limit: number }
  | { name: 'explain'; id: string; call: string }
  | { name: 'export'; id: string; filters: Readonly<Record<string, string>>; file: string }
  | { name: 'export'; id: string; to: 'bucket' }
  | { name: 'verify'; id: string };
export interface VerifyFilesCommand {
  readonly name: 'verify files';
  readonly files: readonly string[];
}
export type RecordCommandName = RecordCommand['name'];

/** Options whose text is a filter of the server's, which checks it. */
export const CALL_FILTERS = ['since', 'until', 'outcome', 'code', 'token', 'client', 'run', 'key'] as const;
export const EXPORT_FILTERS = ['since', 'until'] as const;
export const RUN_FILTERS = ['since', 'until', 'token', 'client'] as const;

/** The options of the command line that these commands take. */
export type RecordOptions = Partial<Record<(typeof CALL_FILTERS)[number] | 'limit' | 'out', string>> & {
  tool?: readonly string[];
  internal?: boolean;
  follow?: boolean;
  'to-bucket'?: boolean;
};

const LISTED = 50;
const STEPS = 500;

export const isRecordCommand = (command: { readonly name: string }): command is RecordCommand =>
  ['calls', 'runs', 'trace', 'explain', 'export', 'verify'].includes(command.name);

/** @param words the tenant and what else the command names, as many as it takes */
export function recordCommand(
  name: RecordCommandName,
  [id = '', subject = '']: readonly string[],
  given: RecordOptions,
  now = new Date(),
): RecordCommand {
  const limit = (fallback: number) => (given.limit === undefined ? fallback : parseCount(given.limit));
  switch (name) {
    case 'calls':
      return {
        name,
        id,
        filters: callFilters(given, now),
        limit: limit(LISTED),
        follow: given.follow === true,
      };
    case 'runs':
      return { name, id, filters: filtersOf(given, RUN_FILTERS, now), limit: limit(LISTED) };
    case 'trace':
      return { name, id, of: traceOf(subject), limit: limit(STEPS) };
    case 'explain':
      return { name, id, call: subject };
    case 'export':
      return exportCommand(id, given, now);
    case 'verify':
      return { name, id };
  }
}

/** Further files may follow `--file` as words of their own, as a shell writes them for a pattern. */
export function verifyFilesCommand(files: readonly string[], words: readonly string[]): VerifyFilesCommand {
  const all = [...files, ...words];
  if (all.includes('')) throw usageError('--file must name a file that `export` has written.');
  return { name: 'verify files', files: all };
}

function exportCommand(id: string, given: RecordOptions, now: Date): RecordCommand {
  const { out, since, until } = given;
  if (given['to-bucket'] === true) {
    if ((out ?? since ?? until) !== undefined)
      throw usageError('--to-bucket writes what the bucket lacks. Leave out --out, --since and --until.');
    return { name: 'export', id, to: 'bucket' };
  }
  if (out === undefined || out === '')
    throw usageError('--out is missing. Write export ID --out records.ndjson.gz, or export ID --to-bucket.');
  return { name: 'export', id, filters: filtersOf(given, EXPORT_FILTERS, now), file: out };
}

function callFilters(given: RecordOptions, now: Date): Readonly<Record<string, string>> {
  const [tool, second] = given.tool ?? [];
  if (second !== undefined) throw usageError('calls shows one tool at a time. Give --tool once.');
  return {
    ...filtersOf(given, CALL_FILTERS, now),
    ...(tool !== undefined && { tool }),
    ...(given.internal === true && { internal: 'true' }),
  };
}

function filtersOf(given: RecordOptions, names: readonly (typeof CALL_FILTERS)[number][], now: Date) {
  return Object.fromEntries(
    names.flatMap((name) => {
      const text = given[name];
      if (text === undefined) return [];
      return [[name, name === 'since' || name === 'until' ? momentOf(text, name, now) : text]];
    }),
  );
}

function traceOf(subject: string): { run: number } | { trace: string } {
  if (/^\d{1,15}$/.test(subject)) return { run: Number(subject) };
  if (/^[0-9a-f]{32}$/.test(subject)) return { trace: subject };
  throw usageError('RUN_OR_TRACE must be the number of a run, or a trace id of 32 hexadecimal digits.');
}

const CLOCK = /^([01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?$/;
const DATE = /^\d{4}-\d\d-\d\d$/;

/**
 * A time as the server takes it, from an age such as `15m`, a time of today such as `14:00`, or a date and time; all in UTC.
 * @throws CliError `usage`
 */
export function momentOf(text: string, option: 'since' | 'until', now: Date): string {
  if (/^\d{1,6}[smhd]$/.test(text)) return text;
  const today = now.toISOString().slice(0, 10);
  const iso = CLOCK.test(text)
    ? `${today}T${text}`
    : DATE.test(text)
      ? `${text}T00:00`
      : text.replace(' ', 'T');
  const zoned = /(?:Z|[+-]\d\d:\d\d)$/.test(iso) ? iso : `${iso}Z`;
  const time = Date.parse(zoned);
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(iso) && !Number.isNaN(time)) return new Date(time).toISOString();
  throw usageError(
    `--${option} must be an age such as 15m, a time of today in UTC such as 14:00, or a time such as ${today}T14:00Z.`,
  );
}
