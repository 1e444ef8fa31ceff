import * as z from 'zod';
import { fail, type Result, succeed } from '../../result.ts';
import type { BucketStatus } from '../../tools/tool.ts';
import type { BucketLimit, LimitOverrides, Limits } from '../contract/limit-settings.ts';
import { type Bucket, capacityOf, levelAt, MICRO, waitFor } from './bucket.ts';
import { limitOf, type Priced } from './limits.ts';
import { type Reservation, ReservationQueue } from './reservations.ts';

const TENANT_BUCKET = '*';

/** Why a call was not charged: which bucket lacks tokens, and after how long the call will pass. */
export interface Shortage {
  readonly retryAfterMs: number;
  readonly scope: 'tenant' | 'tool';
}

/** The moment of a charge: `wall` in milliseconds since the epoch, `monotonic` on a clock that never steps back. */
export interface Moment {
  readonly wall: number;
  readonly monotonic: number;
}

const savedLevels = z.record(z.string(), z.tuple([z.number(), z.number()]));

/**
 * The token buckets of one tenant: its own, and one for each tool. In memory, saved a moment after
 * calls, restored after an eviction, with the charges that were recorded since.
 *
 * Guarantees: a call is charged to both buckets or to neither. A refused call is charged nothing and is told the exact
 * time to wait; that time is reserved for its token, and while several tokens wait they are served in turn, so that a
 * token with many connections cannot keep the others waiting. Durations are measured on the monotonic clock, so a system
 * clock that steps changes no wait; saved levels that are dated in the future count as of now.
 * A call that costs more than a bucket can hold passes on a full bucket, and leaves a debt that later calls wait for.
 * Memory: one entry for each tool and at most `MAX_RESERVATIONS` reservations. Reservations do not survive an eviction.
 */
export class Limiter {
  readonly #limits: Limits;
  readonly #overrides: LimitOverrides;
  readonly #buckets = new Map<string, Bucket>();
  readonly #queue = new ReservationQueue();
  #spent = 0;

  /** @param saved what `save` returned, or an empty text */
  constructor(limits: Limits, overrides: LimitOverrides, saved: string, now: Moment) {
    this.#limits = limits;
    this.#overrides = overrides;
    if (saved === '') return;
    for (const [name, [level, at]] of Object.entries(savedLevels.parse(JSON.parse(saved)))) {
      this.#buckets.set(name, { level, at: now.monotonic - Math.max(0, now.wall - at) });
    }
  }

  /** The tokens that calls were charged since the levels were restored. */
  get spent(): number {
    return this.#spent;
  }

  #limit(name: string): BucketLimit {
    if (name === TENANT_BUCKET) return this.#overrides.tenant ?? this.#limits.tenant;
    return limitOf(name, this.#limits, this.#overrides);
  }

  #level(name: string, now: number): number {
    const bucket = this.#buckets.get(name);
    const limit = this.#limit(name);
    return bucket === undefined ? capacityOf(limit) : levelAt(bucket, limit, now);
  }

  /**
   * Charges a call of `token` to the tenant's bucket and to the tool's, or to neither.
   * @param now on the monotonic clock, in milliseconds
   */
  charge(tool: Priced, token: string, now: number): Result<undefined, Shortage> {
    const price = tool.cost * MICRO;
    if (price === 0) return succeed(undefined);
    this.#queue.expire(now);
    const call = this.#queue.claim({ token, tool: tool.name, price }, now);
    const tenantWait = this.#waitOf(call, TENANT_BUCKET, this.#queue.beforeInTenant(call, now), now);
    const toolWait = this.#waitOf(call, tool.name, this.#queue.beforeInTool(call), now);
    if (tenantWait === 0 && toolWait === 0) {
      this.#queue.serve(call);
      this.#spent += tool.cost;
      this.#take(TENANT_BUCKET, price, now);
      this.#take(tool.name, price, now);
      return succeed(undefined);
    }
    const retryAfterMs = Math.max(tenantWait, toolWait);
    const scope = tenantWait > toolWait ? 'tenant' : 'tool';
    this.#queue.reserve(call, now + retryAfterMs, scope);
    return fail({ retryAfterMs, scope });
  }

  /** The wait until the bucket holds the price of the call, after those of all reservations before it. */
  #waitOf(call: Reservation, name: string, before: readonly Reservation[], now: number): number {
    const limit = this.#limit(name);
    const capacity = capacityOf(limit);
    const needed = [...before, call].reduce((sum, { price }) => sum + Math.min(price, capacity), 0);
    return waitFor(needed, this.#level(name, now), limit);
  }

  /** Charges what a call turned out to cost beyond its first price. The buckets may go into debt. */
  chargeExtra(tool: Priced, tokens: number, now: number): void {
    this.#spent += tokens;
    this.#take(TENANT_BUCKET, tokens * MICRO, now);
    this.#take(tool.name, tokens * MICRO, now);
  }

  /** Takes a charge again that was recorded after the levels were saved. @param at when, in milliseconds since the epoch */
  recharge(tool: string, tokens: number, at: number, now: Moment): void {
    if (tokens === 0) return;
    const then = now.monotonic - Math.max(0, now.wall - at);
    for (const name of [TENANT_BUCKET, tool])
      this.#take(name, tokens * MICRO, Math.max(then, this.#buckets.get(name)?.at ?? then));
  }

  #take(name: string, price: number, now: number): void {
    this.#buckets.set(name, { level: this.#level(name, now) - price, at: now });
  }

  /** The buckets that are not full, as text. A full bucket and none are the same. */
  save(now: Moment): string {
    const saved: Record<string, [level: number, wallTime: number]> = {};
    for (const [name, bucket] of this.#buckets) {
      if (levelAt(bucket, this.#limit(name), now.monotonic) < capacityOf(this.#limit(name)))
        saved[name] = [bucket.level, now.wall - Math.max(0, now.monotonic - bucket.at)];
    }
    return JSON.stringify(saved);
  }

  /** How full the tenant's own bucket is, from 0 to 1. */
  fullness(now: number): number {
    return Math.max(0, this.#level(TENANT_BUCKET, now)) / capacityOf(this.#limit(TENANT_BUCKET));
  }

  status(tools: readonly Priced[], now: number): BucketStatus[] {
    const one = (name: string): Omit<BucketStatus, 'scope'> => {
      const limit = this.#limit(name);
      const level = this.#level(name, now);
      return {
        remaining: Math.max(0, Math.floor(level / MICRO)),
        capacity: limit.burst,
        refill_per_s: limit.rate,
        resets_in_ms: waitFor(capacityOf(limit), level, limit),
      };
    };
    return [
      { scope: 'tenant', ...one(TENANT_BUCKET) },
      ...tools.map(({ name }): BucketStatus => ({ scope: 'tool', tool: name, ...one(name) })),
    ];
  }
}
