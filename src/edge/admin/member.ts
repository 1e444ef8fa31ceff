import type { Admission, Refusal } from '../../tenant/contract/call.ts';
import type { Scope } from '../../tools/tool.ts';
import { authenticate } from '../auth/authenticate.ts';
import type { Principal } from '../auth/tokens.ts';
import { problem } from '../http/http-errors.ts';
import { refuse } from '../http/refusal-log.ts';
import { createContext, type RequestContext } from '../tenant-client/request-context.ts';
import type { Ctx } from './refusals.ts';

/** Routes under `/v1` by which a tenant administers itself, with a token that has the scope for it. */

/** A refusal that was answered and logged already. */
export class Refused extends Error {
  readonly response: Response;

  constructor(response: Response) {
    super('refused');
    this.response = response;
  }
}

export interface Admitted {
  readonly principal: Principal;
  readonly context: RequestContext;
}

/**
 * The token of a request, which must have the scope and not be held to single tools.
 * @param what is administered, for the refusal of a token that is held to tools
 * @throws Refused
 */
export async function admitFor(c: Ctx, scope: Scope, what: string): Promise<Admitted> {
  const principal = await authenticate(c);
  if (!principal.ok) throw new Refused(await refuse(c, problem, principal.error));
  const context = createContext(c, principal.value, { format: problem, transport: 'v1' });
  const admission = await context.tenant.admit();
  const refusal = admission.ok ? refusalOf(admission.value, scope, what) : admission.error;
  if (refusal !== undefined) throw new Refused(await context.deny(refusal));
  return { principal: principal.value, context };
}

function refusalOf(
  { scopes: held, isGrant, justRefreshed, tools }: Admission,
  scope: Scope,
  what: string,
): Refusal | undefined {
  if (!held.includes(scope)) return { reason: 'insufficient_scope', scope, held, isGrant, justRefreshed };
  return tools === undefined ? undefined : { reason: 'tool_not_allowed', tool: what };
}
