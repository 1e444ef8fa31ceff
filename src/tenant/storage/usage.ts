import type { Sql } from '../../tools/tool.ts';
import { type Used, usedByAll } from '../../tools/totals.ts';
import type { Database } from './database.ts';

/** Bytes that a row takes beyond its texts and values: columns of fixed size, and its entries in indexes. */
const ROW_BYTES = { access: 90, cells: 150, history: 185, cache: 200, usage: 70 } as const;
/** Parts of a table in which rows are sampled, and rows that are looked at in each. */
const STRATA = 32;
const SAMPLED_ROWS = 64;

/** What takes the room of a tenant's storage. Bytes are estimates, but for `total` and `free`. */
export interface StorageUsage {
  /** The bytes that count against the quota: `total` without the kinds that are bookkeeping. */
  readonly counted: number;
  /** Bytes of the database without its free pages. */
  readonly total: number;
  /** Bytes of free pages, which are used before the database grows; undefined where the host does not tell. */
  readonly free: number | undefined;
  readonly data: Readonly<Record<'cells' | 'history' | 'scars' | 'cache', Used>>;
  readonly bookkeeping: Readonly<
    Record<(typeof BOOKKEEPING)[number] | 'access' | 'approvals' | 'records' | 'usage', Used>
  >;
  /** The rest: search indexes, tags, and the unused ends of pages. */
  readonly indexes: number;
}

const BOOKKEEPING = [
  'idempotency',
  'sessions',
  'claims',
  'shown',
  'questions',
  'leases',
  'counters',
] as const;

/**
 * What is stored about calls and clients, which does not count against the storage quota. Each kind is bounded by a
 * constant: `MAX_TOKENS`, `MAX_CONNECTIONS`, `MAX_RECORDS_BYTES`, `MAX_BYTES` of held calls, `MAX_TOKENS_A_DAY`, `MAX_ANSWERS_BYTES`, `MAX_MARK_BYTES`, `MAX_SHOWN_BYTES`, `MAX_MISSED_QUESTION_BYTES`, `MAX_LEASES`,
 * `MAX_DAYS`, `MAX_SESSIONS` and `MAX_SUBSCRIPTIONS`.
 */
function bookkeeping(db: Database): StorageUsage['bookkeeping'] {
  const { scars: _, ...kinds } = usedByAll(db);
  return {
    ...kinds,
    access: usedByAccess(db),
    approvals: usedByApprovals(db),
    records: usedByRecords(db),
    usage: usedByUsage(db),
  };
}

const bytesOf = (kinds: Readonly<Record<string, Used>>) =>
  Object.values(kinds).reduce((sum, { bytes }) => sum + bytes, 0);

/** The bytes that do not count against the storage quota. */
export const bookkeepingBytes = (db: Database) => bytesOf(bookkeeping(db));

/** What takes the room. Reads a bounded number of rows, whatever is stored. */
export function storageUsage(db: Database): StorageUsage {
  const total = db.sizeBytes();
  const kept = bookkeeping(db);
  const data = {
    cells: withRows(sampled(db, 'board_cells', 'id'), ROW_BYTES.cells),
    history: withRows(sampled(db, 'board_events', 'rev'), ROW_BYTES.history),
    scars: usedByAll(db).scars,
    cache: withRows(cacheTotals(db), ROW_BYTES.cache),
  };
  return {
    counted: Math.max(0, total - bytesOf(kept)),
    total,
    free: db.freeBytes?.(),
    data,
    bookkeeping: kept,
    indexes: Math.max(0, total - bytesOf(kept) - bytesOf(data)),
  };
}

const withRows = ({ rows, bytes }: Used, rowBytes: number): Used => ({
  rows,
  bytes: bytes + rows * rowBytes,
});

/** The records of calls and the runs that they make up. Their ids have no gaps. */
function usedByRecords(db: Database): Used {
  const [row] = db.exec<{ rows: number; bytes: number }>(
    // The ledger lacks the newest records.
    `SELECT coalesce((SELECT max(id) FROM records) - (SELECT min(id) FROM records) + 1, 0) AS rows,
       bytes + coalesce((SELECT sum(size) FROM records WHERE id > last_id), 0) AS bytes
     FROM ledger`,
  );
  return row ?? { rows: 0, bytes: 0 };
}

/** Tokens and connections, of which some tokens may make as many as there can be. */
function usedByAccess(db: Sql): Used {
  const [row] = db.exec<{ rows: number; bytes: number }>(
    `SELECT count(*) AS rows, coalesce(sum(length(CAST(texts AS BLOB))), 0) AS bytes FROM (
       SELECT id || label || scopes || coalesce(tools, '') || coalesce(issued_by, '') || coalesce(member, '') AS texts FROM tokens
       UNION ALL SELECT name || target || secret || key_id || tokens FROM connections)`,
  );
  return withRows(row ?? { rows: 0, bytes: 0 }, ROW_BYTES.access);
}

/** The calls that wait for a person's approval, or did lately. The index has what is asked for. */
export function usedByApprovals(db: Sql): Used {
  const [row] = db.exec<{ rows: number; bytes: number }>(
    'SELECT count(*) AS rows, coalesce(sum(size), 0) AS bytes FROM held_calls',
  );
  return row ?? { rows: 0, bytes: 0 };
}

/** The usage of each day and token. */
function usedByUsage(db: Database): Used {
  const [row] = db.exec<{ rows: number }>('SELECT usage_rows AS rows FROM ledger');
  const rows = row?.rows ?? 0;
  return { rows, bytes: rows * ROW_BYTES.usage };
}

function cacheTotals(db: Database): Used {
  const [row] = db.exec<{ rows: number; bytes: number }>(
    'SELECT entries AS rows, size AS bytes FROM cache_totals',
  );
  return row ?? { rows: 0, bytes: 0 };
}

/**
 * Rows of a table and the sum of their column `bytes`: exact for a small table, an estimate for a large one. The range of
 * ids is cut into equal parts; the first rows of each part tell how densely it is filled and how large its rows are.
 */
function sampled(db: Database, table: 'board_cells' | 'board_events', id: 'id' | 'rev'): Used {
  const [range] = db.exec<{ first: number | null; last: number | null }>(
    `SELECT (SELECT min(${id}) FROM ${table}) AS first, (SELECT max(${id}) FROM ${table}) AS last`,
  );
  const first = range?.first ?? 0;
  const size = Math.max(SAMPLED_ROWS, Math.ceil(((range?.last ?? -1) - first + 1) / STRATA));
  let rows = 0;
  let bytes = 0;
  for (let from = first; from <= (range?.last ?? -1); from += size) {
    const [part] = db.exec<{ rows: number; bytes: number; end: number | null }>(
      `SELECT count(*) AS rows, coalesce(sum(bytes), 0) AS bytes, max(id) AS end FROM
         (SELECT ${id} AS id, bytes FROM ${table} WHERE ${id} >= ? AND ${id} < ? ORDER BY ${id} LIMIT ?)`,
      from,
      from + size,
      SAMPLED_ROWS,
    );
    if (part === undefined || part.end === null) continue;
    // Fewer rows than were asked for are all that the part has.
    const share = part.rows < SAMPLED_ROWS ? 1 : size / (part.end - from + 1);
    rows += part.rows * share;
    bytes += part.bytes * share;
  }
  return { rows: Math.round(rows), bytes: Math.round(bytes) };
}
