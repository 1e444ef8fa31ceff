import * as z from 'zod';
import { cursorsOf } from '../../../tools/cursor.ts';
import { ToolError } from '../../../tools/errors.ts';
import { count, limit, optionalName } from '../../../tools/fields.ts';
import type { Sql, SqlValue } from '../../../tools/tool.ts';
import type { RecordRow } from '../record.ts';
import { IS_BY_AGENT, type RunRow, runKeyOfTrace, runOf } from '../runs.ts';
import { cursorField, MAX_PAGE, nextCursor, SCANNED_PER_PAGE } from './calls.ts';
import { entriesOf, entrySchema } from './entry.ts';
import { runNumber } from './filter.ts';
import { moment, timeOf } from './moments.ts';
import { defineReader } from './reader.ts';

/** What single agents did: the runs, and the calls of one of them. */

const MAX_STEPS = 500;
/** Why an id of a call may have no record, and what to do. */
export const NOT_FOUND_REMEDY =
  'A repeat of a refusal has no record of its own, and records are deleted after 30 days: list the calls of that time.';

export const runSchema = z.strictObject({
  run: z.int().describe('Its first record.'),
  trace_id: z
    .string()
    .optional()
    .describe('If its client sends one; else it is a session, or a token and client.'),
  token_id: z.string(),
  client: z.string().optional(),
  first_at: z.iso.datetime(),
  last_at: z.iso.datetime(),
  calls: count().describe('Calls and refusals.'),
  not_ok: count().describe(
    'Those that were refused or failed, or met a conflict, a lost claim or a warning.',
  ),
  changed: count().describe('Revisions that it made.'),
});
export type RunEntry = z.infer<typeof runSchema>;

function entryOf(row: RunRow): RunEntry {
  const { id, traceId, tokenId, client, firstAt, lastAt, calls, notOk, changed } = runOf(row);
  return {
    run: id,
    trace_id: traceId ?? undefined,
    token_id: tokenId,
    client: client ?? undefined,
    first_at: new Date(firstAt).toISOString(),
    last_at: new Date(lastAt).toISOString(),
    calls,
    not_ok: notOk,
    changed,
  };
}

const RUN_CURSORS = cursorsOf('runs', z.int().min(0));
const STEP_CURSORS = cursorsOf('run', z.int().min(0));

/** The runs, newest first. */
export const runsList = defineReader({
  name: 'runs_list',
  title: 'List runs',
  description:
    'Lists what single agents did, newest first: a run is a trace, a session, or a token and client.',
  input: z.strictObject({
    since: moment().describe('With a call at this time or later: ISO 8601, or an age such as 15m.'),
    until: moment().describe('That began before this time.'),
    token: optionalName(64).describe('The id of a token, or its beginning.'),
    client: optionalName(64).describe('What the client calls itself.'),
    limit: limit(50, MAX_PAGE),
    cursor: cursorField(),
  }),
  output: z.strictObject({ runs: z.array(runSchema), next_cursor: nextCursor() }),
  log: { since: 'plain', until: 'plain', token: 'plain', client: 'plain', limit: 'plain', cursor: 'length' },
  read(args, context) {
    const { limit: wanted, cursor, ...filter } = args;
    const conditions: string[] = [IS_BY_AGENT, 'id < ?'];
    const bindings: SqlValue[] = [
      cursor === undefined ? Number.MAX_SAFE_INTEGER : RUN_CURSORS.decode(context, filter, cursor),
    ];
    const add = (sql: string, ...values: SqlValue[]) => {
      conditions.push(sql);
      bindings.push(...values);
    };
    if (filter.since !== undefined) add('last_at >= ?', timeOf(filter.since, context.now));
    if (filter.until !== undefined) add('first_at < ?', timeOf(filter.until, context.now));
    if (filter.token !== undefined) add('substr(token_id, 1, ?) = ?', filter.token.length, filter.token);
    if (filter.client !== undefined) add('client = ?', filter.client);
    const rows = context.sql.exec<RunRow>(
      `SELECT * FROM runs WHERE ${conditions.join(' AND ')} ORDER BY id DESC LIMIT ?`,
      ...bindings,
      wanted + 1,
    );
    const page = rows.slice(0, wanted);
    const last = rows.length > wanted ? page.at(-1) : undefined;
    return {
      runs: page.map(entryOf),
      next_cursor: last && RUN_CURSORS.encode(context, filter, last.id),
    };
  },
});

export const findRun = (sql: Sql, id: number): RunEntry | undefined =>
  sql.exec<RunRow>('SELECT * FROM runs WHERE id = ?', id).map(entryOf)[0];

/** One run and its calls, in the order in which they ended. */
export const runsShow = defineReader({
  name: 'runs_show',
  title: 'Show a run',
  description: 'Shows what one agent did: its calls and refusals in their order, with what each has changed.',
  input: z.strictObject({ run: runNumber(), limit: limit(MAX_PAGE, MAX_STEPS), cursor: cursorField() }),
  output: z.strictObject({ run: runSchema, calls: z.array(entrySchema), next_cursor: z.string().optional() }),
  log: { run: 'plain', limit: 'plain', cursor: 'length' },
  read({ run: id, limit: wanted, cursor }, context) {
    const { sql } = context;
    const [row] = sql.exec<RunRow>('SELECT * FROM runs WHERE id = ?', id);
    if (row === undefined)
      throw new ToolError('unknown_handle', `run: no run ${id} is kept. The list of runs has the newest.`, {
        field: 'run',
      });
    const from = cursor === undefined ? id : STEP_CURSORS.decode(context, id, cursor);
    const end = Math.min(row.last_id, from + SCANNED_PER_PAGE - 1);
    const rows = sql.exec<RecordRow>(
      'SELECT * FROM records WHERE id >= ? AND id <= ? AND run = ? ORDER BY id LIMIT ?',
      from,
      end,
      id,
      wanted,
    );
    const next = (rows.length === wanted ? (rows.at(-1)?.id ?? end) : end) + 1;
    return {
      run: entryOf(row),
      calls: entriesOf(sql, rows),
      next_cursor: next > row.last_id ? undefined : STEP_CURSORS.encode(context, id, next),
    };
  },
});

/** What belongs to one trace: the run that its client has made of it, or the calls that were given it here. */
export const runsTrace = defineReader({
  name: 'runs_trace',
  title: 'Show a trace',
  description: 'Shows the calls of one W3C trace, and the runs that they belong to.',
  input: z.strictObject({
    trace_id: z
      .string()
      .max(64)
      .refine((id) => /^[0-9a-f]{32}$/.test(id), { error: 'must be 32 lower-case hexadecimal digits' }),
  }),
  output: z.strictObject({
    runs: z.array(runSchema),
    calls: z.array(entrySchema),
    more: z.boolean().describe('There are further calls: show the run.'),
  }),
  log: { trace_id: 'plain' },
  read({ trace_id: trace }, { sql }) {
    const [own] = sql.exec<RunRow>(
      'SELECT * FROM runs WHERE key = ? ORDER BY id DESC LIMIT 1',
      runKeyOfTrace(trace),
    );
    const rows = sql.exec<RecordRow>(
      'SELECT * FROM records WHERE id >= ? AND id <= ? AND trace_id = ? ORDER BY id LIMIT ?',
      own?.id ?? 0,
      own?.last_id ?? Number.MAX_SAFE_INTEGER,
      trace,
      MAX_STEPS + 1,
    );
    if (rows.length === 0)
      throw new ToolError(
        'unknown_handle',
        `trace_id: no record that is kept has this trace id. ${NOT_FOUND_REMEDY}`,
        { field: 'trace_id' },
      );
    const runs = [...new Set(rows.map(({ run }) => run))].flatMap((id) => findRun(sql, id) ?? []);
    const calls = entriesOf(sql, rows.slice(0, MAX_STEPS));
    return { runs, calls, more: rows.length > MAX_STEPS };
  },
});
