import type { Sql } from '../../tools/tool.ts';
import { isOperatorRead } from './operator.ts';
import { isOk, isSetback, type RecordRow } from './record.ts';

/** Calls of one token and client that come later than this after the last one are another run. */
export const RUN_IDLE_MS = 600_000;
/** Runs that stay in memory once they are saved. */
const MAX_IN_MEMORY = 256;

/** What one agent did. */
export interface Run {
  /** Its first record. */
  readonly id: number;
  readonly key: string;
  readonly traceId: string | null;
  readonly tokenId: string;
  readonly client: string | null;
  readonly firstAt: number;
  lastAt: number;
  lastId: number;
  /** Calls and refusals. */
  calls: number;
  /** Those that were refused or failed, or whose answer was a conflict, a lost claim or a warning. */
  notOk: number;
  /** Revisions. */
  changed: number;
}

export type RunRow = {
  id: number;
  key: string;
  trace_id: string | null;
  token_id: string;
  client: string | null;
  first_at: number;
  last_at: number;
  last_id: number;
  calls: number;
  not_ok: number;
  changed: number;
};

/** What identifies the run of a record. */
interface RunIdentity {
  readonly traceId: string;
  readonly parentSpanId: string | null;
  readonly tokenId: string;
  readonly session: string | null;
  readonly client: string | null;
  readonly transport: string;
  readonly tool: string;
}

/** What a person looks at in the console is a run of its own, and no agent's. */
const BY_CONSOLE = 'w:';
export const IS_BY_AGENT = `key NOT GLOB '${BY_CONSOLE}*'`;

/**
 * The run of a call is that of its trace, if its client sent a valid `traceparent`; else that of its session; else that of
 * its token and client, as long as these are not idle.
 */
export function runKeyOf({
  traceId,
  parentSpanId,
  tokenId,
  session,
  client,
  transport,
  tool,
}: RunIdentity): string {
  if (transport === 'console' || isOperatorRead({ transport, tool })) return `${BY_CONSOLE}${tokenId}`;
  if (parentSpanId !== null) return runKeyOfTrace(traceId);
  if (session !== null) return `s:${tokenId}:${session}`;
  return `c:${tokenId}:${client ?? ''}`;
}

/** The key of the run that a client has made with its trace. */
export const runKeyOfTrace = (traceId: string) => `t:${traceId}`;

const endsWhenIdle = (key: string) => key.startsWith('c:') || key.startsWith(BY_CONSOLE);

/** The runs of a tenant: derived from its records, and saved behind them. */
export class Runs {
  readonly #db: Sql;
  readonly #newest = new Map<string, Run>();
  readonly #unsaved = new Set<Run>();

  constructor(db: Sql) {
    this.#db = db;
  }

  get unsaved(): number {
    return this.#unsaved.size;
  }

  /** The newest run with this key. */
  newest(key: string): Run | undefined {
    const known = this.#newest.get(key);
    if (known !== undefined) return known;
    const [row] = this.#db.exec<RunRow>('SELECT * FROM runs WHERE key = ? ORDER BY id DESC LIMIT 1', key);
    if (row === undefined) return undefined;
    const run = runOf(row);
    this.#newest.set(key, run);
    return run;
  }

  /** When the run has begun that a call with this key belongs to; 0 where only one run can have the key. */
  startAt(key: string, now: number): number {
    if (!endsWhenIdle(key)) return 0;
    const run = this.newest(key);
    return run !== undefined && continues(key, run.lastAt, now) ? run.firstAt : now;
  }

  /** Counts a record that was saved. */
  add(row: RecordRow): void {
    const { trace_id: traceId, parent_span_id: parentSpanId, token_id: tokenId } = row;
    const key = runKeyOf({ ...row, traceId, parentSpanId, tokenId });
    const known = this.newest(key);
    const run = known?.id === row.run ? known : startOf(row, key);
    run.lastAt = Math.max(run.lastAt, row.at);
    run.lastId = row.id;
    // The start of a remote call is counted when it ends.
    if (row.outcome !== 'deferred') run.calls += row.times;
    if (!isOk(row) || isSetback(row.status)) run.notOk += row.times;
    run.changed += row.rev_to - row.rev_from;
    this.#newest.set(key, run);
    this.#unsaved.add(run);
  }

  /** Saves what was added, in the caller's transaction. @returns what to do when that has committed */
  save(): () => void {
    const saved = [...this.#unsaved];
    for (const run of saved) {
      this.#db.exec(
        `INSERT INTO runs (id, key, trace_id, token_id, client, first_at, last_at, last_id, calls, not_ok, changed)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET last_at = excluded.last_at, last_id = excluded.last_id, calls = excluded.calls,
           not_ok = excluded.not_ok, changed = excluded.changed`,
        run.id,
        run.key,
        run.traceId,
        run.tokenId,
        run.client,
        run.firstAt,
        run.lastAt,
        run.lastId,
        run.calls,
        run.notOk,
        run.changed,
      );
    }
    return () => {
      this.#unsaved.clear();
      for (const key of this.#newest.keys()) {
        if (this.#newest.size <= MAX_IN_MEMORY) return;
        this.#newest.delete(key);
      }
    };
  }
}

/** Whether a record at `at` belongs to the run with this key whose last one was at `lastAt`. */
export const continues = (key: string, lastAt: number, at: number) =>
  !endsWhenIdle(key) || at - lastAt < RUN_IDLE_MS;

function startOf(row: RecordRow, key: string): Run {
  return {
    id: row.run,
    key,
    traceId: row.parent_span_id === null ? null : row.trace_id,
    tokenId: row.token_id,
    client: row.client,
    firstAt: row.at - row.took_ms,
    lastAt: row.at,
    lastId: row.id,
    calls: 0,
    notOk: 0,
    changed: 0,
  };
}

export function runOf(row: RunRow): Run {
  return {
    id: row.id,
    key: row.key,
    traceId: row.trace_id,
    tokenId: row.token_id,
    client: row.client,
    firstAt: row.first_at,
    lastAt: row.last_at,
    lastId: row.last_id,
    calls: row.calls,
    notOk: row.not_ok,
    changed: row.changed,
  };
}
