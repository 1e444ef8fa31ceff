import type { Context } from 'hono';
import type { Refusal } from '../../tenant/contract/call.ts';
import { refusalMessage } from '../../tenant/contract/refusal-message.ts';
import { ALL_SCOPES, type Scope } from '../../tools/tool.ts';
import { type HttpRefusal, retryAfter } from '../http/http-errors.ts';
import type { AppEnv } from '../http/isolate.ts';
import { challenge } from './resource-metadata.ts';

/** How long a client should wait before it tries a tenant again that could not be reached. */
const RETRY_UNAVAILABLE_MS = 1000;
/** In about this time it is noticed that the client of a stream is gone. */
const RETRY_STREAM_MS = 3000;

/** A request without any credential: RFC 6750, section 3.1, asks for a challenge without an error code. */
export function missingToken(c: Context<AppEnv>): HttpRefusal {
  const message = 'Send Authorization: Bearer with a token for this server.';
  return { status: 401, code: 'unauthorized', message, headers: challenge(c) };
}

/** All the scopes that the token must have: a client that asks for these alone loses none that it has. */
const unionOf = (held: readonly Scope[], missing: Scope) =>
  ALL_SCOPES.filter((scope) => scope === missing || held.includes(scope)).join(' ');

/** A refusal by the tenant, or by the check of a token, as an HTTP response (RFC 6750, section 3). */
export function toHttpRefusal(c: Context<AppEnv>, refusal: Refusal): HttpRefusal {
  const message = refusalMessage(refusal);
  switch (refusal.reason) {
    case 'invalid_token': {
      const fields = { error: 'invalid_token', error_description: 'The token is not valid' };
      return { status: 401, code: 'invalid_token', message, headers: challenge(c, fields) };
    }
    case 'insufficient_scope': {
      const headers = challenge(c, {
        error: 'insufficient_scope',
        scope: unionOf(refusal.held, refusal.scope),
      });
      return { status: 403, code: 'insufficient_scope', message, headers };
    }
    case 'tool_not_allowed':
      return { status: 403, code: 'tool_not_allowed', message };
    case 'suspended':
      return { status: 403, code: 'suspended', message };
    case 'unknown_session':
      return { status: 404, code: 'unknown_session', message };
    case 'too_many_requests':
      return {
        status: 429,
        code: 'too_many_requests',
        message,
        headers: retryAfter(refusal.retryAfterMs),
      };
    case 'too_many_streams':
      return { status: 429, code: 'too_many_streams', message, headers: retryAfter(RETRY_STREAM_MS) };
    case 'unavailable':
      return { status: 503, code: 'unavailable', message, headers: retryAfter(RETRY_UNAVAILABLE_MS) };
  }
}
