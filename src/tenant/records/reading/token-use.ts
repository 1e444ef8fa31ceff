import { redactForLog } from '../../../telemetry/redact.ts';
import type { Sql } from '../../../tools/tool.ts';

/** When each token was last used, by which client, and how often: from the records, so for 30 days at the most. */

/** Tokens that are told apart; a tenant has at most 1,000. */
const MAX_TOKENS = 2000;
const MAX_CLIENT_CHARS = 64;

export interface TokenUse {
  readonly tokenId: string;
  /** When it was last used, or tried and refused, in milliseconds since the epoch. */
  readonly at: number;
  /** What the client called itself then. */
  readonly client: string | undefined;
  readonly calls: number;
  readonly refused: number;
}

type Row = { token_id: string; at: number; client: string | null; calls: number; refused: number };

/** One pass over the records, of which there are at most 100,000. */
export function tokenUse(sql: Sql): TokenUse[] {
  // Beside `max(id)`, SQLite takes the other columns from the row that has it.
  const rows = sql.exec<Row & { id: number }>(
    `SELECT token_id, max(id) AS id, at, client,
       sum(iif(outcome IN ('refused', 'unknown_tool') OR scope IS NOT NULL, 0, times)) AS calls,
       sum(iif(outcome IN ('refused', 'unknown_tool') OR scope IS NOT NULL, times, 0)) AS refused
     FROM records GROUP BY token_id LIMIT ?`,
    MAX_TOKENS,
  );
  return rows.map(({ token_id, at, client, calls, refused }) => ({
    tokenId: token_id,
    at,
    client: client === null ? undefined : redactForLog(client, MAX_CLIENT_CHARS),
    calls,
    refused,
  }));
}
