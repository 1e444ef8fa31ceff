import type { Refusal } from './call.ts';

/**
 * Whether a refused call is answered with a result, which the model reads, and not with status 403. Clients with the SDK of
 * version 1 answer a 403 for a missing scope with a refresh, and give up without the server's sentence at the second one.
 */
export const isForModel = (refusal: Refusal) =>
  refusal.reason === 'insufficient_scope' && refusal.justRefreshed;

/** The text of a refusal, the same over every transport: what is wrong, then what to do. It names no tenant and no token. */
export function refusalMessage(refusal: Refusal): string {
  switch (refusal.reason) {
    case 'invalid_token':
      return 'The token is not valid for this server. Ask its operator for a new one.';
    case 'suspended':
      return 'This tenant is suspended. Ask the operator.';
    case 'insufficient_scope':
      if (refusal.isGrant)
        return `This connection was not given the scope ${refusal.scope}. Ask the person to connect this server anew and to allow it on the page.`;
      return (
        `The token lacks the scope ${refusal.scope}. ` +
        `Ask the operator to run: tenant scopes ID TOKEN_ID --add ${refusal.scope}`
      );
    case 'tool_not_allowed':
      return `This connection may not use ${refusal.tool}: its token or its URL is held to other tools. Remove tools= from the URL, connect this server anew and allow it on the page, or ask the operator for another token.`;
    case 'unknown_session':
      return 'This session does not exist or has ended. Send initialize to open a new one.';
    case 'too_many_requests':
      return `This token sends too many requests that are refused or only list things. Wait ${refusal.retryAfterMs} ms.`;
    case 'too_many_streams':
      return 'This token follows calls on 8 streams already, or the tokens of its tenant do on 32. Close one, then repeat.';
    case 'unavailable':
      return 'The tenant cannot be reached now. Try again shortly.';
  }
}
