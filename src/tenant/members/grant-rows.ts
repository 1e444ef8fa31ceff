import { createHmac } from 'node:crypto';
import { ALL_SCOPES, type Scope } from '../../tools/tool.ts';
import type { TokenId } from '../contract/call.ts';
import type { Grant, GrantKind, Issued, Person } from '../contract/sign-in.ts';

/** A grant as it is stored, and what is made from it. Its secrets are derived from a seed, so none of them is stored. */

export interface GrantRow extends Record<string, string | number | null> {
  id: string;
  member_id: string;
  kind: GrantKind;
  client_digest: string;
  client_name: string;
  client_host: string;
  redirect_uri: string;
  challenge: string;
  scopes: string;
  tools: string | null;
  seed: string;
  created_at: number;
  code_expires_at: number;
  redeemed_at: number | null;
  generation: number;
  rotated_at: number;
  retries: number;
  expires_at: number;
  ends_at: number;
  ended_at: number | null;
}

const isScope = (text: string): text is Scope => ALL_SCOPES.some((scope) => scope === text);
export const toolsOf = (row: GrantRow) => row.tools?.split(' ');
export const scopesOf = (row: GrantRow) => row.scopes.split(' ').filter(isScope);

const derive = (seed: string, purpose: string) =>
  createHmac('sha256', Buffer.from(seed, 'hex')).update(purpose).digest('base64url');
export const codeSecret = (row: GrantRow) => derive(row.seed, 'code');
export const refreshSecret = (row: GrantRow, generation: number) => derive(row.seed, `refresh ${generation}`);

export function issuedOf(row: GrantRow, generation: number): Issued {
  return {
    scopes: scopesOf(row),
    expiresAt: row.expires_at,
    generation,
    secret: refreshSecret(row, generation),
    repeated: false,
  };
}

/** Whose own session it is; undefined for what a client has. */
export const personOf = (row: GrantRow): Person | undefined =>
  row.kind === 'console' ? { member: row.member_id, name: row.client_name } : undefined;

export function grantOf(row: GrantRow): Grant {
  return {
    id: row.id as TokenId,
    kind: row.kind,
    member: row.member_id,
    clientName: row.client_name,
    clientHost: row.client_host,
    scopes: scopesOf(row),
    tools: toolsOf(row),
    createdAt: row.created_at,
    refreshedAt: row.rotated_at,
    expiresAt: row.expires_at,
    endedAt: row.ended_at ?? undefined,
  };
}
