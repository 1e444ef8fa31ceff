import {
  IssuerMismatchError,
  OAuthClientFlowError,
  OAuthError,
  OAuthErrorCode,
  RegistrationRejectedError,
} from '@modelcontextprotocol/client';
import { connectionFailure, signedOut, TransportFailure, toTransportFailure } from '../failure.ts';
import { DeniedError, UnfitServerError } from './authorization-server.ts';

/** Errors of a sign-in and of a refresh, as one sentence or two for the user: what is wrong, then what to do. */

export const AGAIN = 'Restart this client to sign in again.';

/** Whether a refresh will never succeed, so that only a new sign-in helps. */
export function isGrantEnded(error: unknown): boolean {
  return (
    error instanceof OAuthError &&
    [OAuthErrorCode.InvalidGrant, OAuthErrorCode.InvalidClient, OAuthErrorCode.UnauthorizedClient].some(
      (code) => code === error.code,
    )
  );
}

/** A refresh that may succeed later: the tokens are kept, and nobody is asked. */
export function refreshFailure(error: unknown, url: URL): TransportFailure {
  if (error instanceof OAuthError)
    return connectionFailure(
      `${url.origin} does not renew the sign-in now (${error.code}). Try again later; the sign-in is kept.`,
      'sign_in_unavailable',
      error.code,
    );
  return toTransportFailure(error, url);
}

/** A sign-in that failed. It is not tried again by this process. */
export function signInFailure(error: unknown, url: URL): TransportFailure {
  const { origin } = url;
  if (error instanceof TransportFailure) return error;
  if (error instanceof UnfitServerError) return signedOut(error.message);
  if (error instanceof DeniedError)
    return signedOut(`The sign-in to ${origin} was refused (${error.message}). ${AGAIN}`);
  if (error instanceof IssuerMismatchError && error.kind === 'metadata')
    return signedOut(
      `${origin} names an authorization server that calls itself ${error.received}. Report it to the operator of ${origin}.`,
    );
  if (error instanceof IssuerMismatchError)
    return signedOut(
      `The answer to the sign-in to ${origin} did not come from its authorization server, so it was not used. ${AGAIN}`,
    );
  if (error instanceof OAuthError)
    return signedOut(`${origin} did not accept the sign-in (${error.code}). ${AGAIN}`);
  if (error instanceof RegistrationRejectedError)
    return signedOut(`${origin} did not register this program (${error.status}). ${AGAIN}`);
  if (error instanceof OAuthClientFlowError)
    return signedOut(`The sign-in to ${origin} failed (${error.name}). ${AGAIN}`);
  return toTransportFailure(error, url);
}
