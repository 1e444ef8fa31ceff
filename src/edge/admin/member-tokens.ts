import * as z from 'zod';
import type { ChangedToken, TokenChange, TokenChangeResult } from '../../tenant/contract/token-change.ts';
import type { TokenUse } from '../../tenant/records/reading/token-use.ts';
import type { Token } from '../../tenant/storage/tokens.ts';
import { TOKENS_SCOPE } from '../../tools/families.ts';
import { ALL_SCOPES } from '../../tools/tool.ts';
import { markLogged } from '../http/refusal-log.ts';
import { type Admitted, admitFor, memberRoutes, Refused } from './member.ts';
import {
  AdminRefusal,
  bodyOf,
  CODE_OF_PROBLEM,
  type Ctx,
  reached,
  resultOf,
  STATUS_OF_PROBLEM,
  UNREACHABLE,
} from './refusals.ts';
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
async function change(c: Ctx, { principal, context }: Admitted, change: TokenChange): Promise<ChangedToken> {
  const { tenant, tokenId } = principal;
  const request = { tokenId, caller: context.caller, change };
  const asked = async (): Promise<TokenChangeResult> => c.env.TENANTS.getByName(tenant).changeToken(request);
  const changed = await reached(c, asked(), UNREACHABLE);
  if (changed.ok) {
    markLogged(c);
    return changed.value;
  }
  const { error } = changed;
  if (error.kind === 'refused') throw new Refused(await context.deny(error.refusal));
  markLogged(c);
  const { reason, message, field } = error;
  throw new AdminRefusal(STATUS_OF_PROBLEM[reason], CODE_OF_PROBLEM[reason], message, field);
}

export const memberTokens = memberRoutes('/tokens');

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
