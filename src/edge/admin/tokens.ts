import { Hono } from 'hono';
import * as z from 'zod';
import type { TenantId } from '../../tenant/contract/call.ts';
import type { ChangedToken } from '../../tenant/contract/token-change.ts';
import type { TokenUse } from '../../tenant/records/reading/token-use.ts';
import type { Token } from '../../tenant/storage/tokens.ts';
import { ALL_SCOPES, SCOPES, type Scope } from '../../tools/tool.ts';
import { signIssued } from '../auth/tokens.ts';
import type { AppEnv } from '../http/isolate.ts';
import { bodyOf, type Ctx, isoTime, resultOf, tenantOf } from './refusals.ts';

/** The tokens of one tenant, which are on the tenant's own list. */

const DAY_S = 86_400;

const scopeNames = z.array(z.enum(ALL_SCOPES)).max(ALL_SCOPES.length).default([]);
const scopeChange = z
  .strictObject({ add: scopeNames, remove: scopeNames })
  .refine(({ add, remove }) => add.length + remove.length > 0, {
    error: 'add or remove is required. Name at least one scope in it',
  })
  .refine(({ add, remove }) => !add.some((scope) => remove.includes(scope)), {
    path: ['remove'],
    error: 'must not name a scope that add names too. Leave it out of one of them',
  });
/** @returns the scopes of a new token, of which it keeps those that read if it is only to read */
const readingOf = ({ scopes, read_only }: { scopes: Scope[]; read_only: boolean }) =>
  read_only ? scopes.filter((scope) => scope.endsWith(':read')) : scopes;

export const newToken = z
  .strictObject({
    scopes: z
      .array(z.enum(ALL_SCOPES))
      .min(1)
      .max(ALL_SCOPES.length)
      .default([...SCOPES]),
    ttl_s: z
      .int()
      .min(60)
      .max(365 * DAY_S)
      .default(30 * DAY_S),
    label: z.string().max(64).default(''),
    tools: z.array(z.string().min(1).max(64)).min(1).max(100).optional(),
    read_only: z.boolean().default(false),
  })
  .refine((asked) => readingOf(asked).length > 0, {
    path: ['read_only'],
    error: 'scopes must then have one that reads',
  })
  .transform((asked) => ({ ...asked, scopes: readingOf(asked) }));

export function tokenJson(token: ChangedToken) {
  return {
    token_id: token.id,
    label: token.label,
    scopes: token.scopes,
    ...(token.tools === undefined ? {} : { tools: token.tools }),
    created_at: isoTime(token.createdAt),
    expires_at: isoTime(token.expiresAt),
    revoked_at: token.revokedAt === null ? null : isoTime(token.revokedAt),
  };
}

/** From the records, which are kept for 30 days; null for a token that none of them names. */
const useJson = (use: TokenUse | undefined) =>
  use === undefined
    ? null
    : { at: isoTime(use.at), client: use.client ?? null, calls: use.calls, refused: use.refused };

export function listedTokens(listed: readonly ChangedToken[], used: readonly TokenUse[]) {
  const uses = new Map(used.map((use) => [use.tokenId, use]));
  return {
    tokens: listed.map((token) => ({ ...tokenJson(token), last_used: useJson(uses.get(token.id)) })),
  };
}

/** A new token, which is shown this once: it is signed here and not stored. */
export async function issuedJson(c: Ctx, tenant: TenantId, issued: ChangedToken) {
  const { config } = c.var.isolate;
  return {
    tenant,
    token_id: issued.id,
    token: await signIssued(config, tenant, issued),
    scopes: issued.scopes,
    ...(issued.tools === undefined ? {} : { tools: issued.tools }),
    expires_at: isoTime(issued.expiresAt),
    url: config.mcpUrl,
  };
}

export const tokens = new Hono<AppEnv>();

tokens.get('/tenants/:id/tokens', async (c) => {
  const { tenant } = tenantOf(c);
  const listed = await resultOf<Token[]>(c, tenant.tokens());
  return c.json(listedTokens(listed, await resultOf<TokenUse[]>(c, tenant.tokenUse())));
});

tokens.post('/tenants/:id/tokens', async (c) => {
  const { id, tenant } = tenantOf(c);
  const { scopes, ttl_s, label, tools } = await bodyOf(c, newToken);
  const issued = await resultOf<Token>(c, tenant.issueToken({ scopes, label, tools, ttlMs: ttl_s * 1000 }));
  return c.json(await issuedJson(c, id, issued), 201);
});

tokens.patch('/tenants/:id/tokens/:token', async (c) => {
  const { tenant } = tenantOf(c);
  const change = await bodyOf(c, scopeChange);
  return c.json(tokenJson(await resultOf(c, tenant.changeScopes(c.req.param('token'), change))));
});

tokens.delete('/tenants/:id/tokens/:token', async (c) => {
  const { tenant } = tenantOf(c);
  return c.json(tokenJson(await resultOf(c, tenant.revokeToken(c.req.param('token')))));
});
