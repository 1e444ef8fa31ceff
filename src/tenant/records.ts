import type { Database } from './database.ts';

/** Calls that the tenant's table keeps. */
export const MAX_RECORDS = 10_000;
const PRUNE_EVERY = 256;

export interface CallRecord {
  readonly at: number;
  readonly tool: string;
  readonly outcome: string;
  readonly code: string | null;
  readonly errorId: string | null;
  readonly traceId: string;
  readonly spanId: string;
  readonly tokenId: string;
}

/** Adds a call to the table of calls; every so often the oldest beyond 10,000 are dropped. */
export function saveRecord(db: Database, record: CallRecord): void {
  const [row] = db.exec<{ id: number }>(
    `INSERT INTO calls (at, tool, outcome, code, error_id, trace_id, span_id, token_id)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
    record.at,
    record.tool,
    record.outcome,
    record.code,
    record.errorId,
    record.traceId,
    record.spanId,
    record.tokenId,
  );
  if (row !== undefined && row.id % PRUNE_EVERY === 0)
    db.exec('DELETE FROM calls WHERE id <= ?', row.id - MAX_RECORDS);
}
