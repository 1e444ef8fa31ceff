import type { Refusal } from './call.ts';

/** A refusal as text for the caller: what is wrong, then what to do. It contains no id of the tenant or the token. */
export function refusalMessage(refusal: Refusal): string {
  switch (refusal.reason) {
    case 'invalid_token':
      return 'This token is unknown, revoked or expired. Ask the operator for a new one.';
    case 'suspended':
      return 'This tenant is suspended. Ask the operator to resume it.';
    case 'insufficient_scope':
      return (
        `This token lacks the scope ${refusal.scope}. ` +
        `Ask the operator to run: tenant scopes ID TOKEN_ID --add ${refusal.scope}`
      );
    case 'unknown_session':
      return 'This session is unknown or has ended. Initialize a new one.';
    case 'unavailable':
      return 'The tenant is temporarily unavailable. Retry shortly.';
  }
}
