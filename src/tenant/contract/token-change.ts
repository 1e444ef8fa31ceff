import type { Result } from '../../result.ts';
import type { Scope } from '../../tools/tool.ts';
import type { CallerInfo, Refusal, TokenId } from './call.ts';

/** What a member, or a token with `tokens:write`, changes of the tenant's tokens. */
export type TokenChange =
  | {
      readonly kind: 'issue';
      readonly label: string;
      readonly scopes: readonly Scope[];
      /** undefined: whatever tools the scopes allow. */
      readonly tools: readonly string[] | undefined;
      readonly ttlMs: number;
    }
  | {
      readonly kind: 'narrow';
      /** The id of the token. */
      readonly token: string;
      readonly remove: readonly Scope[];
      /** undefined: the tools stay as they are. */
      readonly tools: readonly string[] | undefined;
    }
  | { readonly kind: 'revoke'; readonly token: string };

export interface TokenChangeRequest {
  /** Who changes it: a token or a session of the tenant. */
  readonly tokenId: TokenId;
  readonly caller: CallerInfo;
  readonly change: TokenChange;
}

/** A token as it is after the change. */
export interface ChangedToken {
  readonly id: TokenId;
  readonly label: string;
  readonly scopes: readonly Scope[];
  readonly tools: readonly string[] | undefined;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly revokedAt: number | null;
}

/** Why a change was not made. */
export type TokenChangeFailure =
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | {
      readonly kind: 'problem';
      readonly reason: 'not_found' | 'forbidden' | 'conflict' | 'full' | 'invalid' | 'unavailable';
      readonly message: string;
      /** The field that is wrong, as `/v1/tokens` names it. */
      readonly field?: string | undefined;
    };

export type TokenChangeResult = Result<ChangedToken, TokenChangeFailure>;
