import { Hono } from 'hono';
import * as z from 'zod';
import type { ChangedToken, TokenChange, TokenChangeResult } from '../../tenant/contract/token-change.ts';
import type { TokenUse } from '../../tenant/records/reading/token-use.ts';
import type { Token } from '../../tenant/storage/tokens.ts';
import { TOKENS_SCOPE } from '../../tools/families.ts';
import { ALL_SCOPES } from '../../tools/tool.ts';
import { problem } from '../http/http-errors.ts';
import type { AppEnv } from '../http/isolate.ts';
import { type Admitted, admitFor, Refused } from './member.ts';
import { AdminRefusal, bodyOf, CODE_OF_PROBLEM, type Ctx, resultOf, STATUS_OF_PROBLEM } from './refusals.ts';
import { issuedJson, listedTokens, newToken, tokenJson } from './tokens.ts';

/**
 * The tokens of a tenant for its own tokens that have `tokens:write`. Nobody issues more than they hold, and a token is only ever
 * narrowed: what it can do more is the operator's to say.
 */

export const narrowing = z
  .strictObject({
    remove: z.array(z.enum(ALL_SCOPES)).max(ALL_SCOPES.length).default([]),
    tools: z.array(z.string().min(1).max(64)).min(1).max(100).optional(),
  })
  .refine(({ remove, tools }) => remove.length > 0 || tools !== undefined, {
    error: 'remove or tools is required. Name at least one scope, or the tools that the token keeps',
  });

const admit = (c: Ctx) => admitFor(c, TOKENS_SCOPE, 'tokens');

/** @throws AdminRefusal or Refused when the tenant does not make the change */
async function change(c: Ctx, { principal, context }: Admitted, asked: TokenChange): Promise<ChangedToken> {
  const { tenant, tokenId } = principal;
  const request = { tokenId, caller: context.caller, change: asked };
  const changed: TokenChangeResult = await c.env.TENANTS.getByName(tenant).changeToken(request);
  if (changed.ok) return changed.value;
  const { error } = changed;
  if (error.kind === 'refused') throw new Refused(await context.deny(error.refusal));
  const { reason, message, field } = error;
  throw new AdminRefusal(STATUS_OF_PROBLEM[reason], CODE_OF_PROBLEM[reason], message, field);
}

export const memberTokens = new Hono<AppEnv>();
memberTokens.use('/tokens/*', async (c, next) => {
  await next();
  // A request that is refused early leaves its body unread, and the platform logs an error for that.
  if (!c.req.raw.bodyUsed) await c.req.raw.body?.cancel();
});
memberTokens.onError((error, c) => {
  if (error instanceof Refused) return error.response;
  if (error instanceof AdminRefusal) return problem(error.refusal, c.var.arrival.trace.traceId);
  throw error;
});

memberTokens.get('/tokens', async (c) => {
  const { principal } = await admit(c);
  const tenant = c.env.TENANTS.getByName(principal.tenant);
  const listed = await resultOf<Token[]>(c, tenant.tokens());
  return c.json(listedTokens(listed, await resultOf<TokenUse[]>(c, tenant.tokenUse())));
});

memberTokens.post('/tokens', async (c) => {
  const admitted = await admit(c);
  const { scopes, ttl_s, label, tools } = await bodyOf(c, newToken);
  const issued = await change(c, admitted, { kind: 'issue', scopes, label, tools, ttlMs: ttl_s * 1000 });
  return c.json(await issuedJson(c, admitted.principal.tenant, issued), 201);
});

memberTokens.patch('/tokens/:token', async (c) => {
  const admitted = await admit(c);
  const { remove, tools } = await bodyOf(c, narrowing);
  const token = c.req.param('token');
  return c.json(tokenJson(await change(c, admitted, { kind: 'narrow', token, remove, tools })));
});

memberTokens.delete('/tokens/:token', async (c) => {
  const admitted = await admit(c);
  return c.json(tokenJson(await change(c, admitted, { kind: 'revoke', token: c.req.param('token') })));
});
