import { changeText } from '../tenant/records/reading/changes.ts';
import type { Entry } from '../tenant/records/reading/entry.ts';
import type { RunEntry } from '../tenant/records/reading/run-list.ts';
import { isSetback } from '../tenant/records/record.ts';
import { fitted, WIDTH, wrapped } from './columns.ts';
import type { Explained, TraceAnswer, VerifiedAnswer } from './records-client.ts';
import { table } from './terminal.ts';

/** What the agents of a tenant did, for people: in lines of at most 100 columns, times in UTC. */

/** Paints text if it is written to a terminal. */
export type Paint = (color: 'red' | 'yellow' | 'dim', text: string) => string;

const COLUMNS = { time: 12, run: 6, tool: 18, result: 16, took: 6, about: 18, caller: 18 } as const;

const dayOf = ({ at }: Pick<Entry, 'at'>) => at.slice(0, 10);
const timeOf = ({ at }: Pick<Entry, 'at'>) => at.slice(11, 23);

const lineOf = (cells: Readonly<Record<keyof typeof COLUMNS, string>>, paint: (result: string) => string) => {
  const { time, run, tool, result, took, about, caller } = COLUMNS;
  return [
    fitted(cells.time, time),
    fitted(cells.run, run),
    fitted(cells.tool, tool),
    paint(fitted(cells.result, result)),
    fitted(cells.took, took),
    fitted(cells.about, about),
    fitted(cells.caller, caller),
  ]
    .join(' ')
    .trimEnd();
};

const HEADING = lineOf(
  {
    time: 'TIME',
    run: 'RUN',
    tool: 'TOOL',
    result: 'RESULT',
    took: 'TOOK',
    about: 'ABOUT',
    caller: 'TOKEN',
  },
  (text) => text,
);

/** Prints calls as they come, with the day above the first one of each. */
export class CallLines {
  readonly #paint: Paint;
  #day: string | undefined;

  constructor(paint: Paint) {
    this.#paint = paint;
  }

  of(calls: readonly Entry[]): string[] {
    return calls.flatMap((call) => [...this.#heading(call), this.#line(call)]);
  }

  #heading(call: Entry): string[] {
    const day = dayOf(call);
    if (day === this.#day) return [];
    const heading = this.#day === undefined ? [this.#paint('dim', HEADING)] : [];
    this.#day = day;
    return [...heading, this.#paint('dim', `${day} UTC`)];
  }

  #line(call: Entry): string {
    const { run, tool } = call;
    const about = aboutOf(call);
    return lineOf(
      {
        time: timeOf(call),
        run: String(run),
        tool,
        result: resultOf(call),
        took: tookOf(call.took_ms),
        about,
        caller: callerOf(call),
      },
      painterOf(call, this.#paint),
    );
  }
}

function painterOf({ outcome, status }: Entry, paint: Paint): (text: string) => string {
  if (outcome === 'error' || outcome === 'refused') return (text) => paint('red', text);
  return isSetback(status ?? null) ? (text) => paint('yellow', text) : (text) => text;
}

function resultOf({ outcome, status, code, times }: Entry): string {
  const end = status ?? code ?? (outcome === 'answer' ? 'ok' : outcome);
  return times > 1 ? `${end} ×${times}` : end;
}

const tookOf = (ms: number) => (ms < 10_000 ? `${ms}ms` : `${Math.round(ms / 1000)}s`);

/** The credential, which nobody can forge, and what the agent calls itself. */
function callerOf({ token_label, token_id, by }: Entry): string {
  const credential = token_label ?? token_id.slice(0, 8);
  return by === undefined ? credential : `${credential}/${by}`;
}

/** The cell, file or other thing that the call is about. */
function aboutOf({ args = {}, changes = [] }: Entry): string {
  const { run_id: board, key, keys, target, action, namespace, name, prefix } = args;
  const first = Array.isArray(keys) ? keys[0] : undefined;
  const cell = text(key) ?? text(first) ?? changes.find(({ key: changed }) => changed !== undefined)?.key;
  if (cell !== undefined)
    return text(board) === undefined || board === 'default' ? cell : `${String(board)}/${cell}`;
  return text(target) ?? text(action) ?? text(namespace) ?? text(name) ?? text(prefix) ?? text(board) ?? '';
}

const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);

export function runsText(runs: readonly RunEntry[]): string {
  const rows = runs.map((run) => [
    String(run.run),
    run.first_at.slice(0, 19).replace('T', ' '),
    run.last_at.slice(11, 19),
    String(run.calls),
    String(run.not_ok),
    String(run.changed),
    run.token_id.slice(0, 8),
    fitted(run.client ?? '', 22).trimEnd(),
  ]);
  return table([['RUN', 'FIRST (UTC)', 'LAST', 'CALLS', 'NOT OK', 'CHANGED', 'TOKEN', 'CLIENT'], ...rows]);
}

/** The calls of a run or trace in the order in which they began, each with what it changed. */
export function traceText({ runs, calls, more }: TraceAnswer, paint: Paint): string {
  const started = calls
    .map((call) => ({ call, start: Date.parse(call.at) - call.took_ms }))
    .toSorted((a, b) => a.start - b.start || a.call.id - b.call.id);
  const begin = started[0]?.start ?? 0;
  const steps = started.flatMap(({ call, start }, index) => [
    stepLine(call, start - begin, paint),
    ...notesOf(call, startAfter(started.slice(index + 1), call)).map((note) => `          ${note}`),
  ]);
  const rest = more ? ['There are more calls: show them with --limit, or list them with calls --run.'] : [];
  return [...runs.map(runHeading), '', ...steps, ...rest].join('\n');
}

function runHeading({
  run,
  client,
  token_id,
  trace_id,
  first_at,
  last_at,
  calls,
  not_ok,
  changed,
}: RunEntry) {
  const who = [`run ${run}`, client, `token ${token_id}`, trace_id && `trace ${trace_id}`];
  const when = `${first_at.slice(0, 19).replace('T', ' ')} to ${last_at.slice(11, 19)} UTC`;
  return wrapped(
    `${who.filter((part) => part !== undefined).join(' · ')} · ${when} · ${calls} calls, ${not_ok} not ok, ${changed} revisions`,
    WIDTH,
  );
}

function stepLine(call: Entry, offsetMs: number, paint: Paint): string {
  return [
    fitted(`+${(offsetMs / 1000).toFixed(3)}s`, 9),
    fitted(call.tool, 20),
    painterOf(call, paint)(fitted(resultOf(call), 19)),
    fitted(tookOf(call.took_ms), 6),
    fitted(aboutOf(call), 21),
    fitted(callerOf(call), 20),
  ]
    .join(' ')
    .trimEnd();
}

/** When the same run came back after a call. */
const startAfter = (later: readonly { call: Entry; start: number }[], { token_id, tool }: Entry) =>
  later.find(({ call }) => call.token_id === token_id && call.tool === tool)?.start;

function notesOf(call: Entry, back: number | undefined): string[] {
  const { args = {}, changes = [], retry_after_ms: told, wait_ms, error_id } = call;
  const seconds = (ms: number) => `${(Math.max(0, ms) / 1000).toFixed(1)} s`;
  const notes = changes.map((change) =>
    change.by === undefined ? changeText(change) : `${changeText(change)} by ${change.by}`,
  );
  if (told !== undefined) {
    const came =
      back === undefined ? 'did not come back' : `came back after ${seconds(back - Date.parse(call.at))}`;
    notes.push(`told to wait ${seconds(told)}, ${came}`);
  }
  if (wait_ms !== undefined) notes.push(`waited ${seconds(wait_ms)} for another call`);
  if (error_id !== undefined) notes.push(`error id ${error_id}`);
  if (Array.isArray(args.changed)) notes.push(...args.changed.map(operatorChange));
  return notes.map((note) => fitted(note, WIDTH - 10).trimEnd());
}

/** What the operator has changed, from what to what. */
function operatorChange(change: unknown): string {
  const { what, from = 'nothing', to = 'nothing' } = Object(change);
  return `${what}: ${from} → ${to}`;
}

export const explainText = ({ text: paragraph }: Explained) => wrapped(paragraph, WIDTH);

export function verifyText(answer: VerifiedAnswer): string {
  const { verdict, broken, first_record, last_record, records_without_hash, anchored } = answer;
  const range =
    last_record < first_record ? 'there are no records' : `records ${first_record} to ${last_record}`;
  const found =
    broken === undefined
      ? `${verdict}: ${range}`
      : `broken at ${broken.record}: ${broken.what.replaceAll('_', ' ')}. The records before it are intact`;
  const signed =
    anchored === undefined
      ? 'No signed head covers them yet: whoever can write the database could have written all of them again.'
      : `Anchored up to ${anchored.record} (${anchored.at}): what is later could have been written again by whoever can write the database.`;
  const old =
    records_without_hash === 0 ? '' : ` ${records_without_hash} records of an older release have no hash.`;
  return wrapped(`${found}.${old} ${signed}`, WIDTH);
}
