import * as z from 'zod';
import { HELD_STATES } from '../../tenant/contract/approval.ts';
import { APPROVALS_SCOPE, TOKENS_SCOPE } from '../../tools/families.ts';
import { narrowing } from './member-tokens.ts';
import { operationsOf, pathParameter } from './operation.ts';
import { newToken } from './tokens.ts';

/** The parts of the OpenAPI document that are about the tokens of a tenant and its held calls. */

const time = z.iso.datetime();
const token = {
  token_id: z.string(),
  label: z.string(),
  scopes: z.array(z.string()),
  tools: z
    .array(z.string())
    .optional()
    .describe('The tools that it is held to; absent for all of its scopes.'),
  created_at: time,
  expires_at: time,
  revoked_at: time.nullable(),
};
export const tokenAnswer = z.strictObject(token);
export const tokensAnswer = z.strictObject({
  tokens: z.array(
    z.strictObject({
      ...token,
      last_used: z
        .strictObject({ at: time, client: z.string().nullable(), calls: z.int(), refused: z.int() })
        .nullable(),
    }),
  ),
});
export const issuedAnswer = z.strictObject({
  tenant: z.string(),
  token_id: z.string(),
  token: z.string().describe('Shown this once.'),
  scopes: z.array(z.string()),
  tools: z.array(z.string()).optional(),
  expires_at: time,
  url: z.string().describe('The MCP endpoint.'),
});

/** @param refusals the responses of a request that is refused */
export function tokenPaths(refusals: object) {
  const operation = operationsOf('tokens', TOKENS_SCOPE, refusals);
  const named = [pathParameter('token', 'The id of the token.')];
  const list = {
    id: 'list_tokens',
    summary: 'List tokens',
    description: 'Lists the tokens of the tenant, and when each was used last.',
    answer: tokensAnswer,
  };
  const issue = {
    id: 'issue_token',
    summary: 'Issue a token',
    description: 'Issues a token that can do no more than the one that asks.',
    body: newToken,
    answer: issuedAnswer,
    status: 201,
  } as const;
  const narrow = {
    id: 'narrow_token',
    summary: 'Narrow a token',
    description: 'Removes scopes from a token, or holds it to fewer tools.',
    body: narrowing,
    answer: tokenAnswer,
  };
  const revoke = {
    id: 'revoke_token',
    summary: 'Revoke a token',
    description: 'Revokes a token. It is refused from the next request on.',
    answer: tokenAnswer,
  };
  return {
    '/v1/tokens': { get: operation(list), post: operation(issue) },
    '/v1/tokens/{token}': { patch: operation(narrow, named), delete: operation(revoke, named) },
  };
}

const held = {
  approval_id: z.string(),
  state: z.enum(HELD_STATES),
  tool: z.string(),
  token_id: z.string(),
  token_label: z.string().nullable(),
  client: z.string().nullable(),
  trace_id: z.string(),
  held_at: time,
  expires_at: time,
  decided_at: time.nullable(),
  decided_by: z.string().nullable(),
  reason: z.string().nullable(),
};
const standing = z.strictObject({
  approval_id: z.string(),
  tool: z.string(),
  token_id: z.string(),
  token_label: z.string().nullable(),
  given_at: time,
  expires_at: time,
  given_by: z.string(),
});
export const approvalsAnswer = z.strictObject({
  approvals: z.array(z.strictObject(held)),
  standing: z.array(standing),
});
export const approvalAnswer = z.looseObject({
  ...held,
  title: z.string().nullable(),
  description: z.string().nullable(),
  destructive: z.boolean().nullable(),
  reaches_other_systems: z.boolean(),
  args: z.unknown(),
  dry_run: z.unknown().optional(),
});

/** @param refusals the responses of a request that is refused */
export function approvalPaths(refusals: object) {
  const operation = operationsOf('approvals', APPROVALS_SCOPE, refusals);
  const named = [pathParameter('approval', 'The id of the held call.')];
  const list = {
    id: 'list_approvals',
    summary: 'List held calls',
    description: "Lists the calls that wait, or have waited, for a person's yes.",
    answer: approvalsAnswer,
  };
  const show = {
    id: 'show_approval',
    summary: 'Show a held call',
    description: 'Shows what a held call would do, and what became of it.',
    answer: approvalAnswer,
  };
  const decide = {
    id: 'decide_approval',
    summary: 'Refused: a person decides',
    description: 'No token decides, whatever its scopes are. It is done in the console.',
    answer: undefined,
  };
  return {
    '/v1/approvals': { get: operation(list) },
    '/v1/approvals/{approval}': { get: operation(show, named), post: operation(decide, named) },
  };
}
