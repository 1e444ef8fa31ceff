import type { SqlValue } from '../tools/sql.ts';

/** The types whose values are exact as they are in JavaScript, by their object ids. */
const BOOL = 16;
const NUMBERS = [21, 23, 26, 700, 701];
const JSON_TYPES = [114, 3802];
const TIMESTAMPTZ = 1184;

const asText = (text: string): unknown => text;
const PARSERS = new Map<number, (text: string) => unknown>([
  [BOOL, (text) => text === 't'],
  ...NUMBERS.map((oid) => [oid, (text: string) => Number(text)] as const),
  ...JSON_TYPES.map((oid) => [oid, (text: string): unknown => JSON.parse(text)] as const),
  // The session's time zone is UTC.
  [TIMESTAMPTZ, (text) => text.replace(/^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d{1,6})?)\+00$/, '$1T$2Z')],
]);

/** How the driver reads columns. */
export const COLUMN_TYPES = { getTypeParser: (oid: number) => PARSERS.get(oid) ?? asText };

/**
 * Checks parameters, because the driver turns objects into text in ways of its own.
 * @throws TypeError for a value that is no `SqlValue`
 */
export function requireSqlValues(values: readonly SqlValue[]): readonly SqlValue[] {
  const isScalar = (value: unknown) =>
    value === null ||
    typeof value === 'string' ||
    typeof value === 'boolean' ||
    (typeof value === 'number' && Number.isFinite(value));
  const wrong = values.findIndex(
    (value) => !(Array.isArray(value) ? value.every(isScalar) : isScalar(value)),
  );
  if (wrong === -1) return values;
  throw new TypeError(
    `Parameter ${wrong + 1} of the statement must be a text, a finite number, a boolean, null or a list of these.`,
  );
}
