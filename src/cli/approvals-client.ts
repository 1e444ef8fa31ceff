import * as z from 'zod';
import { tenantPath } from './admin-client.ts';
import type { AdminRequests } from './admin-requests.ts';

const policySchema = z.object({
  tools: z.record(z.string(), z.boolean()),
  destructive: z.boolean(),
  needs_approval: z.array(z.string()),
});
export type PolicyAnswer = z.infer<typeof policySchema>;

const callSchema = z.object({
  approval_id: z.string(),
  state: z.string(),
  tool: z.string(),
  token_id: z.string(),
  token_label: z.string().nullable(),
  client: z.string().nullable(),
  trace_id: z.string(),
  held_at: z.string(),
  expires_at: z.string(),
  decided_at: z.string().nullable(),
  decided_by: z.string().nullable(),
  reason: z.string().nullable(),
});
export type CallAnswer = z.infer<typeof callSchema>;

const standingSchema = z.object({
  approval_id: z.string(),
  tool: z.string(),
  token_id: z.string(),
  token_label: z.string().nullable(),
  given_at: z.string(),
  expires_at: z.string(),
  given_by: z.string(),
});

const listSchema = z.object({ approvals: z.array(callSchema), standing: z.array(standingSchema) });
export type ListAnswer = z.infer<typeof listSchema>;

const errorSchema = z.object({ code: z.string(), message: z.string() });
const resultFields = { answer: z.unknown().optional(), error: errorSchema.optional() };
const detailSchema = callSchema.extend({
  title: z.string().nullable(),
  description: z.string().nullable(),
  destructive: z.boolean().nullable(),
  reaches_other_systems: z.boolean(),
  args: z.unknown(),
  dry_run: z.object({ ...resultFields, changes: z.array(z.string()) }).optional(),
  ...resultFields,
});
export type DetailAnswer = z.infer<typeof detailSchema>;

export type PolicyChange =
  | { readonly tool: string; readonly approval: boolean | null }
  | { readonly destructive: boolean };

export interface Decision {
  readonly decision: 'approve' | 'refuse';
  readonly standing?: true | undefined;
  readonly reason?: string | undefined;
}

/** What the commands about approvals need: of a server, or of the data of a local one. */
export interface ApprovalsAccess {
  policy(id: string): Promise<PolicyAnswer>;
  changePolicy(id: string, change: PolicyChange): Promise<PolicyAnswer>;
  list(id: string): Promise<ListAnswer>;
  show(id: string, approval: string): Promise<DetailAnswer>;
  decide(id: string, approval: string, decision: Decision): Promise<DetailAnswer>;
}

/** The part of the admin API that is about approvals. */
export class ApprovalsClient implements ApprovalsAccess {
  readonly #admin: AdminRequests;

  constructor(admin: AdminRequests) {
    this.#admin = admin;
  }

  policy(id: string): Promise<PolicyAnswer> {
    return this.#admin.request('GET', `${tenantPath(id)}/policy`, policySchema);
  }

  changePolicy(id: string, change: PolicyChange): Promise<PolicyAnswer> {
    return this.#admin.request('PATCH', `${tenantPath(id)}/policy`, policySchema, change);
  }

  list(id: string): Promise<ListAnswer> {
    return this.#admin.request('GET', `${tenantPath(id)}/approvals`, listSchema);
  }

  show(id: string, approval: string): Promise<DetailAnswer> {
    return this.#admin.request('GET', pathOf(id, approval), detailSchema);
  }

  decide(id: string, approval: string, decision: Decision): Promise<DetailAnswer> {
    return this.#admin.request('POST', pathOf(id, approval), detailSchema, decision);
  }
}

const pathOf = (id: string, approval: string) =>
  `${tenantPath(id)}/approvals/${encodeURIComponent(approval)}`;

/** What the server or the local data have answered, checked. */
export const checkedPolicy = (answer: unknown) => policySchema.parse(answer);
export const checkedList = (answer: unknown) => listSchema.parse(answer);
export const checkedDetail = (answer: unknown) => detailSchema.parse(answer);
