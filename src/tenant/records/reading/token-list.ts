import * as z from 'zod';
import { redactForLog } from '../../../telemetry/redact.ts';
import { count } from '../../../tools/fields.ts';
import type { Sql } from '../../../tools/tool.ts';
import { defineReader } from './reader.ts';
import { tokenUse } from './token-use.ts';

/** The tokens of the tenant and what members have granted, with their last use. */

const MAX_LISTED = 200;
const MAX_LABEL_CHARS = 64;

const tokenSchema = z.strictObject({
  token_id: z.string(),
  kind: z
    .enum(['token', 'grant', 'session'])
    .describe('Issued, granted to a client by a member, or the own session of a member in the console.'),
  label: z.string(),
  scopes: z.array(z.string()),
  tools: z.array(z.string()).optional().describe('The tools that it is held to.'),
  by: z.string().optional().describe('Who issued or granted it; left out for the operator.'),
  created_at: z.iso.datetime(),
  expires_at: z.iso.datetime(),
  ended_at: z.iso.datetime().optional().describe('When it was revoked.'),
  last_used: z
    .strictObject({
      at: z.iso.datetime(),
      client: z.string().optional(),
      calls: count(),
      refused: count(),
    })
    .optional()
    .describe('From the records, which are kept for 30 days.'),
  week: z.strictObject({ calls: count(), refused: count() }).describe('Of this day and the six before it.'),
});

type Row = {
  id: string;
  kind: 'token' | 'grant' | 'session';
  label: string;
  scopes: string;
  tools: string | null;
  by: string | null;
  created_at: number;
  expires_at: number;
  ended_at: number | null;
};

const TOKENS = `SELECT id, 'token' AS kind, label, scopes, tools, issued_by AS by, created_at, expires_at, revoked_at AS ended_at FROM tokens
  ORDER BY created_at DESC LIMIT ?`;
const GRANTS = `SELECT id, iif(kind = 'console', 'session', 'grant') AS kind, client_name AS label, scopes, tools,
    (SELECT name FROM members WHERE members.id = member_id) AS by, created_at, expires_at, ended_at FROM grants
  WHERE redeemed_at IS NOT NULL ORDER BY created_at DESC LIMIT ?`;

const iso = (ms: number) => new Date(ms).toISOString();
/** Rows of usage that are read: seven days of 251 tokens. */
const MAX_USED = 2000;
const DAY_MS = 86_400_000;

/** The calls of the last seven days, by token. Of more than 250 tokens a day the others have no numbers of their own. */
function weekOf(sql: Sql, now: number): Map<string, { calls: number; refused: number }> {
  const today = Math.floor(now / DAY_MS);
  const rows = sql.exec<{ token_id: string; calls: number; refused: number }>(
    `SELECT token_id, sum(calls) AS calls, sum(refused) AS refused FROM usage WHERE day >= ? AND day < ? GROUP BY token_id LIMIT ?`,
    today - 6,
    today + 1,
    MAX_USED,
  );
  return new Map(rows.map(({ token_id, calls, refused }) => [token_id, { calls, refused }]));
}

const NONE = { calls: 0, refused: 0 };
const shown = (text: string | null) => (text === null ? undefined : redactForLog(text, MAX_LABEL_CHARS));
const listed = (sql: Sql, query: string) => sql.exec<Row>(query, MAX_LISTED);

export const recordsTokens = defineReader({
  name: 'records_tokens',
  title: 'List tokens',
  description: 'Lists the newest tokens and grants, with what used each last.',
  input: z.strictObject({}),
  output: z.strictObject({ tokens: z.array(tokenSchema).describe('The newest first.') }),
  log: {},
  read(_args, { sql, now }) {
    const week = weekOf(sql, now);
    const uses = new Map(tokenUse(sql).map(({ tokenId, at, ...use }) => [tokenId, { at: iso(at), ...use }]));
    const rows = [...listed(sql, TOKENS), ...listed(sql, GRANTS)].sort((a, b) => b.created_at - a.created_at);
    return {
      tokens: rows.map((row) => ({
        token_id: row.id,
        kind: row.kind,
        label: redactForLog(row.label, MAX_LABEL_CHARS),
        scopes: row.scopes.split(' ').filter((scope) => scope !== ''),
        tools: row.tools?.split(' '),
        by: shown(row.by),
        created_at: iso(row.created_at),
        expires_at: iso(row.expires_at),
        ended_at: row.ended_at === null ? undefined : iso(row.ended_at),
        last_used: uses.get(row.id),
        week: week.get(row.id) ?? NONE,
      })),
    };
  },
});
