import { Hono } from 'hono';
import * as z from 'zod';
import type { TenantId } from '../../tenant/contract/call.ts';
import { accountOf, EMAIL, identityText, SUBJECT } from '../../tenant/contract/identity.ts';
import type { Grant, KeyedMember, Member, RemovedMember } from '../../tenant/contract/sign-in.ts';
import { ALL_SCOPES, SCOPES } from '../../tools/tool.ts';
import type { AppEnv } from '../http/isolate.ts';
import { encodeMemberKey } from '../oauth/member-keys.ts';
import { cleanName } from '../oauth/names.ts';
import { AdminRefusal, bodyOf, type Ctx, checked, isoTime, resultOf, tenantOf } from './refusals.ts';

/** The people who may sign in to one tenant, and what they have granted to clients. */

const DAY_S = 86_400;

const newMember = z
  .strictObject({
    name: z
      .string()
      .transform(cleanName)
      .refine((name) => name !== '', { error: 'must have a visible character' }),
    scopes: z
      .array(z.enum(ALL_SCOPES))
      .min(1)
      .max(ALL_SCOPES.length)
      .default([...SCOPES]),
    ttl_s: z
      .int()
      .min(60)
      .max(3650 * DAY_S)
      .optional(),
    email: z
      .string()
      .max(254)
      .regex(EMAIL, { error: 'must be an address such as ann@example.com, in ASCII' })
      .transform((email) => email.toLowerCase())
      .optional(),
    sub: z
      .string()
      .max(255)
      .regex(SUBJECT, { error: 'must be 1 to 255 characters of ASCII without spaces' })
      .optional(),
  })
  .refine(({ email, sub }) => email === undefined || sub === undefined, {
    path: ['sub'],
    error: 'must be left out beside email. A member has one account at the provider',
  });
const removalQuery = z.strictObject({
  keep_tokens: z.enum(['true', 'false'], { error: 'must be true or false' }).optional(),
});
const grantsQuery = z.strictObject({ member: z.string().max(64).optional() });

function memberJson(member: Member) {
  return {
    member_id: member.id,
    name: member.name,
    scopes: member.scopes,
    key_id: member.keyId,
    created_at: isoTime(member.createdAt),
    expires_at: member.expiresAt === undefined ? null : isoTime(member.expiresAt),
    ...accountJson(member.identity),
  };
}

/** How the member is known at the OpenID provider. */
function accountJson(identity: string | undefined) {
  const account = identity === undefined ? undefined : accountOf(identity);
  return {
    email: account?.kind === 'email' ? account.email : null,
    sub: account?.kind === 'sub' ? account.sub : null,
  };
}

/** The account at the OpenID provider that a new member is to have. */
function identityOf(c: Ctx, { email, sub }: z.infer<typeof newMember>): string | undefined {
  if (email !== undefined) return identityText({ kind: 'email', email });
  if (sub === undefined) return undefined;
  const issuer = c.var.isolate.config.oauth?.provider?.issuer;
  if (issuer !== undefined) return identityText({ kind: 'sub', issuer, sub });
  const message = 'sub names an account at one provider. Set OIDC_ISSUER first, or use email.';
  throw new AdminRefusal(400, 'invalid_input', message, 'sub');
}

/** The key is shown once, and is not stored. */
function keyedJson(c: Ctx, tenant: TenantId, { member, secret }: KeyedMember) {
  const { config } = c.var.isolate;
  const key = encodeMemberKey(config, { tenant, member: member.id, secret });
  return { tenant, ...memberJson(member), key, url: config.mcpUrl };
}

function grantJson(grant: Grant) {
  return {
    token_id: grant.id,
    kind: grant.kind,
    member_id: grant.member,
    client_name: grant.clientName,
    client_host: grant.clientHost,
    scopes: grant.scopes,
    ...(grant.tools === undefined ? {} : { tools: grant.tools }),
    created_at: isoTime(grant.createdAt),
    refreshed_at: isoTime(grant.refreshedAt),
    expires_at: isoTime(grant.expiresAt),
  };
}

export const members = new Hono<AppEnv>();

members.get('/tenants/:id/members', async (c) => {
  const { tenant } = tenantOf(c);
  return c.json({ members: (await resultOf<Member[]>(c, tenant.members())).map(memberJson) });
});

members.post('/tenants/:id/members', async (c) => {
  const { id, tenant } = tenantOf(c);
  const asked = await bodyOf(c, newMember);
  const { name, scopes, ttl_s } = asked;
  const ttlMs = ttl_s === undefined ? undefined : ttl_s * 1000;
  const identity = identityOf(c, asked);
  const added = await resultOf<KeyedMember>(c, tenant.addMember({ name, identity, scopes, ttlMs }));
  return c.json(keyedJson(c, id, added), 201);
});

members.post('/tenants/:id/members/:member/key', async (c) => {
  const { id, tenant } = tenantOf(c);
  const renewed = await resultOf<KeyedMember>(c, tenant.renewMemberKey(c.req.param('member')));
  return c.json(keyedJson(c, id, renewed), 201);
});

members.delete('/tenants/:id/members/:member', async (c) => {
  const { tenant } = tenantOf(c);
  const { keep_tokens: keeps } = checked(removalQuery, c.req.query());
  const removed = tenant.removeMember(c.req.param('member'), keeps === 'true');
  const { member, tokens, keptTokens } = await resultOf<RemovedMember>(c, removed);
  const issued = tokens.map(({ id, label }) => ({ token_id: id, label }));
  return c.json({ ...memberJson(member), [keptTokens ? 'kept_tokens' : 'revoked_tokens']: issued });
});

members.get('/tenants/:id/grants', async (c) => {
  const { tenant } = tenantOf(c);
  const { member } = checked(grantsQuery, c.req.query());
  return c.json({ grants: (await resultOf<Grant[]>(c, tenant.grants(member))).map(grantJson) });
});
