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
  kind: z.enum(['token', 'grant']).describe('Issued by the operator, or granted to a client by a member.'),
  label: z.string(),
  scopes: z.array(z.string()),
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
});

type Row = {
  id: string;
  kind: 'token' | 'grant';
  label: string;
  scopes: string;
  created_at: number;
  expires_at: number;
  ended_at: number | null;
};

const TOKENS = `SELECT id, 'token' AS kind, label, scopes, created_at, expires_at, revoked_at AS ended_at FROM tokens
  ORDER BY created_at DESC LIMIT ?`;
const GRANTS = `SELECT id, 'grant' AS kind, client_name AS label, scopes, created_at, expires_at, ended_at FROM grants
  WHERE redeemed_at IS NOT NULL ORDER BY created_at DESC LIMIT ?`;

const iso = (ms: number) => new Date(ms).toISOString();
const listed = (sql: Sql, query: string) => sql.exec<Row>(query, MAX_LISTED);

export const recordsTokens = defineReader({
  name: 'records_tokens',
  title: 'List tokens',
  description: 'Lists the newest tokens and grants, with what used each last.',
  input: z.strictObject({}),
  output: z.strictObject({ tokens: z.array(tokenSchema).describe('The newest first.') }),
  log: {},
  read(_args, { sql }) {
    const uses = new Map(tokenUse(sql).map(({ tokenId, at, ...use }) => [tokenId, { at: iso(at), ...use }]));
    const rows = [...listed(sql, TOKENS), ...listed(sql, GRANTS)].sort((a, b) => b.created_at - a.created_at);
    return {
      tokens: rows.map((row) => ({
        token_id: row.id,
        kind: row.kind,
        label: redactForLog(row.label, MAX_LABEL_CHARS),
        scopes: row.scopes.split(' ').filter((scope) => scope !== ''),
        created_at: iso(row.created_at),
        expires_at: iso(row.expires_at),
        ended_at: row.ended_at === null ? undefined : iso(row.ended_at),
        last_used: uses.get(row.id),
      })),
    };
  },
});
