import * as z from 'zod';
import { redactForLog } from '../../../telemetry/redact.ts';
import { optionalName } from '../../../tools/fields.ts';
import type { Sql, SqlValue } from '../../../tools/tool.ts';
import { OPERATOR_TOOL, OPERATOR_TRANSPORT } from '../operator.ts';
import { SETBACKS } from '../record.ts';
import { OUTCOMES } from './entry.ts';
import { firstIdAt, type IdRange, keptIds, moment, timeOf } from './moments.ts';

/** Which records a question is about. */

/** The length to which the log cuts an argument. */
const MAX_KEY_CHARS = 128;

export const filterFields = {
  since: moment().describe('Ended at this time or later: ISO 8601, or an age such as 15m.'),
  until: moment().describe('Ended before this time.'),
  tool: optionalName(64),
  outcome: z
    .enum([...OUTCOMES, 'ok', 'bad'])
    .optional()
    .describe('`bad` is all that went wrong, conflicts and lost claims included; `ok` the rest.'),
  code: optionalName(64),
  token: optionalName(64).describe('The id of a token, or its beginning.'),
  client: optionalName(64).describe('What the client calls itself.'),
  run: runNumber().optional(),
  key: optionalName(256).describe('A cell that the call names, or has changed.'),
  internal: z
    .boolean()
    .default(false)
    .describe(
      'Also what transports do for their clients, such as opening a session, and what people and the operator read in the console.',
    ),
};
export const filterLog = {
  since: 'plain',
  until: 'plain',
  tool: 'plain',
  outcome: 'plain',
  code: 'plain',
  token: 'plain',
  client: 'plain',
  run: 'plain',
  key: 'plain',
  internal: 'plain',
} as const;

const filterSchema = z.strictObject(filterFields);
export type Filter = z.output<typeof filterSchema>;

export function runNumber() {
  return z
    .int()
    .min(0)
    .max(Number.MAX_SAFE_INTEGER - 1)
    .describe('The id of a run.');
}

/** A part of a WHERE clause. */
export interface Condition {
  readonly sql: string;
  readonly bindings: readonly SqlValue[];
}

export const REFUSED = `(outcome IN ('refused', 'unknown_tool') OR (outcome = 'error' AND scope IS NOT NULL))`;
export const OK = `(outcome IN ('answer', 'deferred') AND coalesce(status, '') NOT IN (${[...SETBACKS].map((status) => `'${status}'`).join(', ')}))`;

const OF_OUTCOME: Readonly<Record<NonNullable<Filter['outcome']>, string>> = {
  answer: `outcome = 'answer'`,
  error: `(outcome = 'error' AND scope IS NULL)`,
  refused: REFUSED,
  started: `outcome = 'deferred'`,
  ok: OK,
  bad: `NOT ${OK}`,
};

/** The first words of the names of internal tools: what they do is shown when it went wrong, or when it is asked for. */
export const INTERNAL_FAMILIES = [
  'session',
  'stream',
  'resources',
  'completion',
  'records',
  'runs',
  'console',
];
const IS_PUBLISHED = INTERNAL_FAMILIES.map((family) => `tool NOT GLOB '${family}_*'`).join(' AND ');
/** What agents did: no work of the transports, and nothing that a person or the operator has looked at in the console. */
export const SHOWN = `(transport <> 'console' AND (transport <> '${OPERATOR_TRANSPORT}' OR tool = '${OPERATOR_TOOL}') AND (${IS_PUBLISHED} OR outcome NOT IN ('answer', 'deferred')))`;

/** A key that a call names in its arguments, as the log shows them, or that one of its revisions has changed. */
const NAMES_KEY = `(iif(json_valid(args), json_extract(args, '$.key') = ?
    OR EXISTS (SELECT 1 FROM json_each(args, '$.keys') WHERE value = ?)
    OR EXISTS (SELECT 1 FROM json_each(args, '$.entries.keys') WHERE value = ?), 0)
  OR EXISTS (SELECT 1 FROM board_events WHERE rev > rev_from AND rev <= rev_to AND key = ?))`;

/** All conditions of a filter but its times, which `idsOf` makes ids of. */
export function conditionOf(filter: Filter, now: number): Condition {
  const { tool, outcome, code, token, client, run, key, internal } = filter;
  const parts: Condition[] = [];
  const add = (sql: string, ...bindings: SqlValue[]) => parts.push({ sql, bindings });
  if (tool !== undefined) add('tool = ?', tool);
  if (outcome !== undefined) add(OF_OUTCOME[outcome]);
  if (code !== undefined) add('coalesce(code, outcome) = ?', code);
  if (token !== undefined) add('substr(token_id, 1, ?) = ?', token.length, token);
  if (client !== undefined) add('client = ?', client);
  if (run !== undefined) add('run = ?', run);
  if (key !== undefined) {
    const logged = redactForLog(key, MAX_KEY_CHARS);
    add(NAMES_KEY, logged, logged, logged, key);
  }
  if (!internal && tool === undefined && key === undefined) add(SHOWN);
  // The ids of a time are found as if no clock had ever stepped back.
  if (filter.since !== undefined) add('at >= ?', timeOf(filter.since, now));
  if (filter.until !== undefined) add('at < ?', timeOf(filter.until, now));
  return {
    sql: ['1', ...parts.map(({ sql }) => sql)].join(' AND '),
    bindings: parts.flatMap(({ bindings }) => bindings),
  };
}

/** The ids of the records that ended in the times of a filter. */
export function idsOf(sql: Sql, { since, until }: Pick<Filter, 'since' | 'until'>, now: number): IdRange {
  const kept = keptIds(sql);
  return {
    first: since === undefined ? kept.first : firstIdAt(sql, kept, timeOf(since, now)),
    last: until === undefined ? kept.last : firstIdAt(sql, kept, timeOf(until, now)) - 1,
  };
}
