import type { TokenId } from '../../tenant/contract/call.ts';
import type { Later } from '../../tenant/contract/timer.ts';

/** Refusals of one token that are answered at once, in each second. */
export const PROMPT_REFUSALS = 20;
/** How long a further one is held back, in milliseconds, unless its client is told to wait for less. */
export const REFUSAL_DELAY_MS = 250;
/** Refusals that one isolate begins to hold back within `REFUSAL_DELAY_MS`. Further ones are answered at once. */
export const MAX_DELAYED = 500;
/** Tokens whose refusals are counted at once. Those of further ones are answered at once. */
const MAX_TOKENS = 2000;
const SECOND_MS = 1000;

/**
 * Slows down a client that is refused at the edge, for whatever reason, and goes on in a loop: what it can do to the other tenants of
 * its isolate is bounded by how many answers it gets, and not by how little a refusal costs.
 *
 * Guarantees: the delay is a part of the wait that the client is told, which is stated as of the answer, so that a client
 * that waits comes no later than without it. No call that is admitted and no other token waits.
 * Failure: a request that is cancelled while it is held back leaves nothing behind, because only the beginnings are counted.
 */
export class RefusalDelay {
  readonly #clock: () => number;
  readonly #later: Later;
  #second = Number.NaN;
  readonly #refused = new Map<TokenId, number>();
  #period = Number.NaN;
  #delayed = 0;

  /** @param clock milliseconds on a clock that never steps back */
  constructor(clock: () => number, later: Later) {
    this.#clock = clock;
    this.#later = later;
  }

  /**
   * Waits before a refusal of this token is answered, if there were many of them in this second.
   * @param toldMs what the client is told to wait, from now; left out for one that waiting does not help
   * @returns how much of that has passed
   */
  async pass(token: TokenId, toldMs = Number.POSITIVE_INFINITY): Promise<number> {
    const began = this.#clock();
    // The last millisecond is left for the client to wait.
    const ms = Math.min(toldMs - 1, REFUSAL_DELAY_MS);
    if (!this.#isExcess(token, began) || ms <= 0 || !this.#takePlace(began)) return 0;
    await new Promise<void>((resolve) => this.#later(ms, resolve));
    return Math.min(this.#clock() - began, toldMs - 1);
  }

  #isExcess(token: TokenId, now: number): boolean {
    const second = Math.floor(now / SECOND_MS);
    if (second !== this.#second) this.#refused.clear();
    this.#second = second;
    const refused = this.#refused.get(token) ?? 0;
    if (refused > 0 || this.#refused.size < MAX_TOKENS) this.#refused.set(token, refused + 1);
    return refused >= PROMPT_REFUSALS;
  }

  #takePlace(now: number): boolean {
    const period = Math.floor(now / REFUSAL_DELAY_MS);
    if (period !== this.#period) this.#delayed = 0;
    this.#period = period;
    return this.#delayed++ < MAX_DELAYED;
  }
}
