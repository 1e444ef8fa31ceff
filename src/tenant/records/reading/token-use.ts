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
  /** What its client called itself when it last gave a name. */
  readonly client: string | undefined;
  readonly calls: number;
  readonly refused: number;
}

type Row = { token_id: string; at: number; client: string | null; calls: number; refused: number };

/** One pass over the records, of which there are at most 100,000. */
export function tokenUse(sql: Sql): TokenUse[] {
  // What the edge refuses of a token comes without the name of its client.
  const rows = sql.exec<Row>(
    `SELECT token_id, calls, refused, (SELECT at FROM records WHERE id = used.last) AS at,
       (SELECT client FROM records WHERE id = used.named) AS client
     FROM (SELECT token_id, max(id) AS last, max(iif(client IS NULL, NULL, id)) AS named,
         sum(iif(outcome IN ('refused', 'unknown_tool') OR scope IS NOT NULL, 0, times)) AS calls,
         sum(iif(outcome IN ('refused', 'unknown_tool') OR scope IS NOT NULL, times, 0)) AS refused
       FROM records GROUP BY token_id LIMIT ?) AS used`,
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
