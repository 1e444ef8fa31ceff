import {
  REFUSED_MS,
  type StoredToken,
  TOKEN_LEASE_MS,
  type TokenLease,
  type TokenSettlement,
  YOUNG_TOKEN_MS,
} from '../contract/access-token.ts';
import type { StoredSecret } from '../contract/connection.ts';

/**
 * What is known of one connection's access token.
 *
 * Guarantees: one call at a time renews it. A lease that was not settled in its time is taken for lost, and the next call gets
 * one; what the lost one still reports is dropped.
 */
export interface TokenState {
  readonly token?: StoredToken | undefined;
  readonly lease?: { readonly id: string; readonly until: number } | undefined;
  readonly refused?: { readonly at: number; readonly error: string } | undefined;
}

export interface TokenRequest {
  readonly secret: StoredSecret;
  /** The id of a token that the service has refused. */
  readonly not: string | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** An id that nothing had before. */
  readonly newId: string;
}

/** Gives a call the present token, or the right to renew it. @returns the answer, and the state if it has changed */
export function requestToken(
  state: TokenState,
  { secret, not, now, newId }: TokenRequest,
): { readonly answer: TokenLease; readonly next?: TokenState } {
  const { token, lease, refused } = state;
  if (token !== undefined && isUsable(token, not, now)) return { answer: { kind: 'token', token } };
  if (refused !== undefined && isWithin(now - refused.at, REFUSED_MS))
    return { answer: { kind: 'refused', error: refused.error } };
  if (lease !== undefined && isWithin(lease.until - now, TOKEN_LEASE_MS)) return { answer: { kind: 'wait' } };
  return {
    answer: { kind: 'leased', lease: newId, secret, isAfterLoss: lease !== undefined },
    next: { lease: { id: newId, until: now + TOKEN_LEASE_MS } },
  };
}

/** A token that the service refuses is given again while it is young: renewing it would not help. */
function isUsable({ id, obtainedAt, expiresAt }: StoredToken, not: string | undefined, now: number): boolean {
  if (now >= expiresAt) return false;
  return id !== not || isWithin(now - obtainedAt, YOUNG_TOKEN_MS);
}

/** False as well for a clock that has stepped back. */
const isWithin = (ms: number, bound: number) => ms >= 0 && ms <= bound;

/** The state after a renewal; undefined when its lease is another call's by now, or the connection was changed. */
export function settleToken(
  { lease }: TokenState,
  { lease: settled, token, refused }: TokenSettlement,
  now: number,
): TokenState | undefined {
  if (lease?.id !== settled) return undefined;
  if (refused !== undefined) return { refused: { at: now, error: refused } };
  return token === undefined ? {} : { token: { ...token, id: settled } };
}
