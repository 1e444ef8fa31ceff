import { fail, type Result, succeed } from '../../result.ts';
import type { ConnectionOwner } from '../admin/connections.ts';
import { memberOwner } from '../admin/member-connections.ts';
import { AdminRefusal } from '../admin/refusals.ts';
import type { FieldProblem } from './forms.tsx';
import type { NotShown, Visit } from './visit.ts';

/** What the pages on connections ask of the functions behind the API, as the member who acts. */

/** What is wrong, for the form, with the code of the API. */
interface Refused extends FieldProblem {
  readonly code: string;
}

/** @returns the answer, or why it was refused */
export async function attempt<T>(act: () => Promise<T>): Promise<Result<T, Refused>> {
  try {
    return succeed(await act());
  } catch (cause) {
    if (!(cause instanceof AdminRefusal)) throw cause;
    const { code, field, message } = cause.refusal;
    // A message begins with the path of the field in the API, of which a form has the last part.
    const words = message.replace(/^[\w.]+: /, '');
    const name = field?.replace(/^.*\./, '');
    const sentence = name === undefined ? words : `The ${name.replaceAll('_', ' ')} ${words}`;
    return fail({ code, field: name, message: sentence.charAt(0).toUpperCase() + sentence.slice(1) });
  }
}

/** Why a page cannot be shown whose connections were not listed. */
export function notListed({ c }: Visit, { code, message }: Refused): NotShown {
  if (code !== 'not_found') return { kind: 'refused', refusal: { reason: 'unavailable' } };
  const { traceId } = c.var.arrival.trace;
  return { kind: 'error', error: { code: 'unknown_handle', message, retryable: false, trace_id: traceId } };
}

/** Whoever looks: a member, a token, or the operator, who only reads here. */
export const ownerOf = ({ c, viewer, principal }: Visit): ConnectionOwner =>
  principal === undefined
    ? { id: viewer.tenant, tenant: c.env.TENANTS.getByName(viewer.tenant), isOperator: false }
    : memberOwner(c, principal);
