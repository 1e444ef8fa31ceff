import * as z from 'zod';
import { ToolError } from '../../../tools/errors.ts';
import { count } from '../../../tools/fields.ts';
import type { Sql } from '../../../tools/tool.ts';
import { isSetback, type RecordRow } from '../record.ts';
import { type RunRow, runKeyOfTrace } from '../runs.ts';
import { SCANNED_PER_PAGE } from './calls.ts';
import { changeText } from './changes.ts';
import { type Entry, entriesOf, entrySchema } from './entry.ts';
import { type IdRange, keptIds } from './moments.ts';
import { defineReader } from './reader.ts';
import { findRun, NOT_FOUND_REMEDY, type RunEntry, runSchema } from './run-list.ts';

/** From an id that a user was given to one paragraph: who, what, how it ended, what it changed, what it did next. */

/** Records with one trace id that are looked at. */
const MAX_FOUND = 500;
const MAX_NAMED_CHANGES = 5;

/** The first record that did not go well, else the first of all. */
function mainOf(rows: readonly RecordRow[]): RecordRow | undefined {
  const isWell = ({ outcome, status }: RecordRow) =>
    (outcome === 'answer' || outcome === 'deferred') && !isSetback(status);
  return rows.find((row) => !isWell(row)) ?? rows[0];
}

/** The records with an id: those of a trace that its client has made a run of, else the newest, as far back as there are any. */
function recordsOf(sql: Sql, id: string): RecordRow[] {
  const [run] = sql.exec<RunRow>(
    'SELECT * FROM runs WHERE key = ? ORDER BY id DESC LIMIT 1',
    runKeyOfTrace(id),
  );
  if (run !== undefined) return recordsIn(sql, id, { first: run.id, last: run.last_id });
  const { first, last } = keptIds(sql);
  for (let end = last; end >= first; end -= SCANNED_PER_PAGE) {
    const rows = recordsIn(sql, id, { first: Math.max(first, end - SCANNED_PER_PAGE + 1), last: end });
    if (rows.length > 0) return rows;
  }
  return [];
}

const recordsIn = (sql: Sql, id: string, { first, last }: IdRange) =>
  sql.exec<RecordRow>(
    `SELECT * FROM records WHERE id >= ?1 AND id <= ?2 AND (request_id = ?3 OR error_id = ?3 OR trace_id = ?3)
     ORDER BY id LIMIT ?4`,
    first,
    last,
    id,
    MAX_FOUND,
  );

export const recordsExplain = defineReader({
  name: 'records_explain',
  title: 'Explain a call',
  description:
    'Says of a request id, an error id or a trace id in one paragraph what happened, and what came next.',
  input: z.strictObject({
    id: z
      .string()
      .max(64)
      .refine((id) => /^[\x21-\x7e]{4,64}$/.test(id), {
        error: 'must be a request id, an error id or a trace id, of 4 to 64 characters',
      }),
  }),
  output: z.strictObject({
    text: z.string(),
    call: entrySchema,
    run: runSchema.optional(),
    next: entrySchema.optional().describe('What the same run did next.'),
    found: count().describe(
      'The records with this id, 500 at the most. The first that went wrong is explained.',
    ),
  }),
  log: { id: 'plain' },
  read({ id }, { sql }) {
    const rows = recordsOf(sql, id);
    const main = mainOf(rows);
    if (main === undefined)
      throw new ToolError('unknown_handle', `id: no record that is kept has this id. ${NOT_FOUND_REMEDY}`, {
        field: 'id',
      });
    const run = main.run === 0 ? undefined : findRun(sql, main.run);
    const after = sql.exec<RecordRow>(
      'SELECT * FROM records WHERE id > ? AND run = ? ORDER BY id LIMIT 1',
      main.id,
      main.run,
    );
    const [call, next] = entriesOf(sql, [main, ...(run === undefined ? [] : after)]);
    if (call === undefined) throw new Error('a record has no entry');
    return { text: paragraph(call, run, next), call, run, next, found: rows.length };
  },
});

const secondsOf = (ms: number) => `${(ms / 1000).toLocaleString('en', { maximumFractionDigits: 1 })} s`;
const startOf = ({ at, took_ms }: Entry) => Date.parse(at) - took_ms;

function paragraph(call: Entry, run: RunEntry | undefined, next: Entry | undefined): string {
  return [whoAndWhat(call), howItEnded(call), whatItChanged(call), whatCameNext(call, run, next)]
    .filter((sentence) => sentence !== '')
    .join(' ');
}

function whoAndWhat(call: Entry): string {
  const { client, client_version, token_id, token_label, by, transport, tool, args = {} } = call;
  const who = client === undefined ? 'a client without a name' : `${client} ${client_version ?? ''}`.trim();
  const token = token_label === undefined ? token_id : `${token_id} (${token_label})`;
  const agent = by === undefined ? '' : `, as ${by},`;
  const named = Object.entries(args).filter(([name]) => name !== 'by' && name !== 'agent');
  const about = named.length === 0 ? '' : ` with ${named.map(argumentText).join(', ')}`;
  const at = `${call.at.slice(0, 19).replace('T', ' ')} UTC`;
  const called = tool === 'request' ? 'sent a request that calls no tool' : `called ${tool}`;
  return `At ${at}, ${who}${agent} with token ${token} over ${transport} ${called}${about}.`;
}

const argumentText = ([name, value]: [string, unknown]) =>
  `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`;

function howItEnded(call: Entry): string {
  const { outcome, status, code, error_id, took_ms, wait_ms, times, retry_after_ms } = call;
  const waited = wait_ms === undefined ? '' : `, of which it waited ${secondsOf(wait_ms)}`;
  const took = `after ${took_ms} ms${waited}`;
  const told =
    retry_after_ms === undefined ? '' : ` The caller was told to wait ${secondsOf(retry_after_ms)}.`;
  const repeats = times > 1 ? ` This stands for ${times} refusals that are alike.` : '';
  if (outcome === 'answer') {
    const why = code === undefined ? '' : ` (${code})`;
    return `It was answered${status === undefined ? '' : ` with ${status}${why}`} ${took}.`;
  }
  if (outcome === 'started') return 'It was started; its end has a record of its own.';
  if (outcome === 'refused') return `It was refused: ${reasonOf(call)}.${told}${repeats}`;
  const cause = error_id === undefined ? '' : ` The log has the cause under error id ${error_id}.`;
  return `It failed with ${code} ${took}, and its changes were undone.${told}${cause}`;
}

function reasonOf({ code, scope, tool }: Entry): string {
  if (code === 'rate_limited' && scope === 'tenant')
    return 'the bucket of the tenant is empty (rate_limited)';
  if (code === 'rate_limited' && scope === 'tool') return `the bucket of ${tool} is empty (rate_limited)`;
  if (scope === 'token') return `the token sends too many requests that no bucket pays for (${code})`;
  if (code === 'insufficient_scope') return `the token lacks the scope ${scope} (insufficient_scope)`;
  return scope === undefined ? `${code}` : `${code}, by ${scope}`;
}

function whatItChanged({ changes = [], rev_from, rev_to, outcome }: Entry): string {
  if (outcome !== 'answer') return '';
  if (changes.length === 0) return 'It changed nothing.';
  const named = changes.slice(0, MAX_NAMED_CHANGES).map(changeText);
  const more = rev_to - rev_from - named.length;
  return `It made ${named.join('; ')}${more > 0 ? `; and ${more} more` : ''}.`;
}

function whatCameNext(call: Entry, run: RunEntry | undefined, next: Entry | undefined): string {
  if (run === undefined) return '';
  const of = `run ${run.run} (${run.calls} calls, ${run.not_ok} not ok)`;
  if (next === undefined) return `It was the last call of ${of}.`;
  const waitedMs = Math.max(0, startOf(next) - Date.parse(call.at));
  const told = call.retry_after_ms;
  const early = told === undefined ? '' : waitedMs < told ? ', sooner than it was told' : ', as it was told';
  const end = next.status ?? next.code ?? next.outcome;
  return `Next in ${of}, ${secondsOf(waitedMs)} later${early}, it called ${next.tool}: ${end}.`;
}
