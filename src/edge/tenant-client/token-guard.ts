import { type Bucket, capacityOf, levelAt, MICRO, waitFor } from '../../tenant/calls/bucket.ts';
import type { CallOutcome, Refusal, TokenId } from '../../tenant/contract/call.ts';

import type { BucketLimit } from '../../tenant/contract/limit-settings.ts';

/** Tokens whose state one isolate keeps, for each purpose. The one that was used least recently is dropped. */
const MAX_TOKENS = 2000;
/** How long a token that its tenant has refused is refused without asking the tenant again. */
const INVALID_MS = 60_000;
/** A waiting time that was told once is told again for so long at the most, because a limit may be raised meanwhile. */
const MAX_TOLD_MS = 1000;

/**
 * What one isolate knows about the tokens that it sees, so that requests which no bucket of a tenant pays for are not
 * free: lists, pings, unknown methods, and calls that are refused.
 *
 * Each token has a small bucket of its own. Only such requests are charged to it, after they were answered; while it is
 * empty, every request of the token is refused here and does not reach the tenant.
 * A token that its tenant has called invalid is refused here for a minute. That is safe, because revocation is final and
 * the ids of tokens are never used again. All other decisions are made by the tenant, on each request.
 */
export class TokenGuard {
  readonly #limit: BucketLimit;
  readonly #clock: () => number;
  readonly #buckets = new Map<TokenId, Bucket>();
  readonly #invalid = new Map<TokenId, number>();
  /** When the tenant will let a call of this token and tool pass. */
  readonly #passesAt = new Map<string, number>();

  /**
   * @param limit of each token, in requests
   * @param clock milliseconds on a clock that never steps back
   */
  constructor(limit: BucketLimit, clock: () => number) {
    this.#limit = limit;
    this.#clock = clock;
  }

  /**
   * Why a request of this token is not passed to its tenant; undefined when it is.
   * @param tool of a call, which is then told the later one of both waiting times
   */
  check(token: TokenId, tool = ''): Refusal | undefined {
    const now = this.#clock();
    const since = this.#invalid.get(token);
    if (since !== undefined) {
      if (now - since < INVALID_MS) return { reason: 'invalid_token' };
      this.#invalid.delete(token);
    }
    const waitMs = waitFor(MICRO, this.#level(token, now), this.#limit);
    if (waitMs === 0) return undefined;
    const toldMs = (this.#passesAt.get(callKey(token, tool)) ?? now) - now;
    return { reason: 'too_many_requests', retryAfterMs: Math.max(waitMs, Math.min(toldMs, MAX_TOLD_MS)) };
  }

  /** Charges a request that no bucket of the tenant pays for. */
  spend(token: TokenId): void {
    const now = this.#clock();
    remember(this.#buckets, token, { level: this.#level(token, now) - MICRO, at: now });
  }

  /** Takes back a charge, for a request of which it turned out that its tenant charges it. */
  refund(token: TokenId): void {
    const now = this.#clock();
    const level = Math.min(capacityOf(this.#limit), this.#level(token, now) + MICRO);
    remember(this.#buckets, token, { level, at: now });
  }

  /** Learns from a refusal by the tenant. */
  noteRefusal(token: TokenId, refusal: Refusal): void {
    this.spend(token);
    if (refusal.reason === 'invalid_token') remember(this.#invalid, token, this.#clock());
  }

  /** Charges a call that its tenant did not charge. */
  noteOutcome(token: TokenId, tool: string, outcome: CallOutcome): void {
    if (outcome.kind === 'refused') this.noteRefusal(token, outcome.refusal);
    else if (outcome.kind === 'error' && outcome.error.code === 'rate_limited') {
      this.spend(token);
      const waitMs = outcome.error.retry_after_ms ?? 0;
      remember(this.#passesAt, callKey(token, tool), this.#clock() + waitMs);
    } else if (outcome.kind === 'error' && outcome.error.resets_at !== undefined) this.spend(token);
  }

  #level(token: TokenId, now: number): number {
    const bucket = this.#buckets.get(token);
    return bucket === undefined ? capacityOf(this.#limit) : levelAt(bucket, this.#limit, now);
  }
}

const callKey = (token: TokenId, tool: string) => `${token} ${tool}`;

function remember<Key, Value>(map: Map<Key, Value>, key: Key, value: Value): void {
  // Deleted first, so that the order of the map is that of the last use.
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MAX_TOKENS && oldest !== undefined) map.delete(oldest);
}
