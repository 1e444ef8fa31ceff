import type { Context } from 'hono';
import type { Refusal } from '../../tenant/contract/call.ts';
import { type HttpRefusal, retryAfter } from '../http/http-errors.ts';
import type { AppEnv } from '../http/isolate.ts';
import { challenge } from './resource-metadata.ts';

/** How long a client should wait before it tries a tenant again that could not be reached. */
const RETRY_UNAVAILABLE_MS = 1000;

/** A request without any credential: RFC 6750, section 3.1, asks for a challenge without an error code. */
export function missingToken(c: Context<AppEnv>): HttpRefusal {
  const message = 'Send Authorization: Bearer with a token for this server.';
  return { status: 401, code: 'unauthorized', message, headers: challenge(c) };
}

/** A refusal by the tenant, or by the check of a token, as an HTTP response (RFC 6750, section 3). */
export function toHttpRefusal(c: Context<AppEnv>, refusal: Refusal): HttpRefusal {
  switch (refusal.reason) {
    case 'invalid_token': {
      const message = 'The token is not valid for this server. Ask its operator for a new one.';
      const fields = { error: 'invalid_token', error_description: 'The token is not valid' };
      return { status: 401, code: 'invalid_token', message, headers: challenge(c, fields) };
    }
    case 'insufficient_scope': {
      const message = `The token lacks the scope ${refusal.scope}. Ask the operator to add it, or for a token that has it.`;
      const headers = challenge(c, { error: 'insufficient_scope', scope: refusal.scope });
      return { status: 403, code: 'insufficient_scope', message, headers };
    }
    case 'suspended':
      return { status: 403, code: 'suspended', message: 'This tenant is suspended. Ask the operator.' };
    case 'unknown_session': {
      const message = 'This session does not exist or has ended. Send initialize to open a new one.';
      return { status: 404, code: 'unknown_session', message };
    }
    case 'too_many_requests': {
      const message = `This token sends too many requests that are refused or only list things. Wait ${refusal.retryAfterMs} ms.`;
      const headers = retryAfter(refusal.retryAfterMs);
      return { status: 429, code: 'too_many_requests', message, headers };
    }
    case 'unavailable': {
      const message = 'The tenant cannot be reached now. Try again shortly.';
      return { status: 503, code: 'unavailable', message, headers: retryAfter(RETRY_UNAVAILABLE_MS) };
    }
  }
}
