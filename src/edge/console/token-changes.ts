import { fail, type Result, succeed } from '../../result.ts';
import type {
  ChangedToken,
  TokenChange,
  TokenChangeFailure,
  TokenChangeResult,
} from '../../tenant/contract/token-change.ts';
import { logUnreachable } from '../http/attempt.ts';
import { markLogged } from '../http/refusal-log.ts';
import type { FieldProblem } from './forms.tsx';
import type { NotShown, Visit } from './visit.ts';

/** Changes of tokens by the member who acts, which the tenant checks, records and logs. */

const UNAVAILABLE = { kind: 'refused', refusal: { reason: 'unavailable' } } as const;

/** Fields of the API by the names that they have in the forms. */
const FIELDS: Readonly<Record<string, string>> = { ttl_s: 'ttl', scopes: 'scope', tools: 'tool' };

/** @returns the token, what is wrong with the form, or why the page cannot be shown to this person any more */
export async function changeToken(
  { c, viewer, principal, live }: Visit,
  change: TokenChange,
): Promise<Result<ChangedToken, FieldProblem | NotShown>> {
  if (principal === undefined || live?.context === undefined) return fail(UNAVAILABLE);
  const request = { tokenId: principal.tokenId, caller: live.context.caller, change };
  try {
    const changed: TokenChangeResult = await c.env.TENANTS.getByName(viewer.tenant).changeToken(request);
    markLogged(c);
    return changed.ok ? succeed(changed.value) : fail(problemOf(changed.error));
  } catch (cause) {
    logUnreachable(c, cause, viewer.tenant);
    return fail(UNAVAILABLE);
  }
}

function problemOf(failure: TokenChangeFailure): FieldProblem | NotShown {
  if (failure.kind === 'refused') return failure;
  const { field, message } = failure;
  // A message begins with the name of the field in the API, which no form has.
  const words = message.replace(/^\w+: /, '');
  return {
    field: field && (FIELDS[field] ?? field),
    message: words.charAt(0).toUpperCase() + words.slice(1),
  };
}
