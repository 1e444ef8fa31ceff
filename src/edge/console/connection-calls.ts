import { fail, type Result, succeed } from '../../result.ts';
import type { ConnectionOwner } from '../admin/connections.ts';
import { memberOwner } from '../admin/member-connections.ts';
import { AdminRefusal } from '../admin/refusals.ts';
import type { FieldProblem } from './forms.tsx';
import type { Visit } from './visit.ts';

/** What the pages on connections ask of the functions behind the API, as the member who acts. */

/** @throws nothing but what is unexpected @returns the answer, or what is wrong, for the form */
export async function attempt<T>(act: () => Promise<T>): Promise<Result<T, FieldProblem>> {
  try {
    return succeed(await act());
  } catch (cause) {
    if (!(cause instanceof AdminRefusal)) throw cause;
    const { field, message } = cause.refusal;
    // A message begins with the name of the field in the API.
    const words = message.replace(/^\w+: /, '');
    const sentence = field === undefined ? words : `The ${field} ${words}`;
    return fail({ field, message: sentence.charAt(0).toUpperCase() + sentence.slice(1) });
  }
}

/** Whoever looks: a member, a token, or the operator, who only reads here. */
export const ownerOf = ({ c, viewer, principal }: Visit): ConnectionOwner =>
  principal === undefined
    ? { id: viewer.tenant, tenant: c.env.TENANTS.getByName(viewer.tenant), isOperator: false }
    : memberOwner(c, principal);
