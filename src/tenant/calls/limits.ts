import * as z from 'zod';
import { ConfigError, placeOf } from '../../config.ts';
import type { BucketStatus } from '../../tools/tool.ts';
import type { BucketLimit, LimitChange, LimitOverrides, Limits } from '../contract/limit-settings.ts';

/**
 * Token buckets in whole numbers, so that the waiting time in a refusal is exact: a level is counted in millionths of a
 * token (micro-tokens), and a rate of at most three decimals refills a whole number of them each millisecond.
 */
const MICRO = 1_000_000;

/** A tool as the limiter sees it; `cost` in tokens. */
export interface Priced {
  readonly name: string;
  readonly cost: number;
}

interface Bucket {
  /** Micro-tokens. */
  level: number;
  /** The time of `level`, in milliseconds since the epoch. */
  at: number;
}

const capacityOf = (limit: BucketLimit) => limit.burst * MICRO;
const refillPerMs = (limit: BucketLimit) => Math.round(limit.rate * 1000);

/** The level at `now`. A clock that steps back refills nothing; one that leaps ahead fills the bucket at most. */
function levelAt(bucket: Bucket, limit: BucketLimit, now: number): number {
  const capacity = capacityOf(limit);
  const level = Math.min(bucket.level, capacity);
  const elapsed = Math.max(0, now - bucket.at);
  const refill = refillPerMs(limit);
  return elapsed >= (capacity - level) / refill ? capacity : level + elapsed * refill;
}

/** Time in milliseconds until the bucket has refilled from `level` to `wanted` (in micro-tokens). */
function waitFor(wanted: number, level: number, limit: BucketLimit): number {
  return Math.ceil(Math.max(0, wanted - level) / refillPerMs(limit));
}

export type Charge = { ok: true } | { ok: false; retryAfterMs: number; scope: 'tenant' | 'tool' };

/** What is wrong with limits, if anything. A burst below the cost of a call would refuse that call for ever. */
export function limitsProblem(
  limits: Limits,
  overrides: LimitOverrides,
  tools: readonly Priced[],
): string | undefined {
  const known = new Set(tools.map((tool) => tool.name));
  const unknown = Object.keys(overrides.tools).find((name) => !known.has(name));
  if (unknown !== undefined) return `there is no tool named ${unknown}`;
  for (const { name, cost } of tools) {
    const tenant = overrides.tenant ?? limits.tenant;
    if (cost > tenant.burst)
      return `the tenant's burst of ${tenant.burst} is below the cost of ${name} (${cost})`;
    const own = limitOf(name, limits, overrides);
    if (cost > own.burst) return `the burst of ${own.burst} is below the cost of ${name} (${cost})`;
  }
  return undefined;
}

/**
 * Checks the limits of a deployment: each burst must pay for one call of every tool.
 * @throws ConfigError that names the settings
 */
export function requireAffordable(limits: Limits, tools: readonly Priced[]): void {
  const problem = limitsProblem(limits, { tools: {} }, tools);
  if (problem === undefined) return;
  throw new ConfigError([
    `TENANT_BURST and TOOL_BURST must each pay for one call of every tool, but ${problem}; raise it ${placeOf('TOOL_BURST')}.`,
  ]);
}

function limitOf(tool: string, limits: Limits, overrides: LimitOverrides): BucketLimit {
  const own = Object.hasOwn(overrides.tools, tool) ? overrides.tools[tool] : undefined;
  return own ?? overrides.tool ?? limits.tool;
}

/** The overrides after a change. What the change leaves out keeps its effective value. */
export function changedLimits(
  limits: Limits,
  overrides: LimitOverrides,
  change: LimitChange,
): LimitOverrides {
  const merged = (limit: BucketLimit): BucketLimit => ({
    rate: change.rate ?? limit.rate,
    burst: change.burst ?? limit.burst,
  });
  if (change.tool === undefined) return { ...overrides, tenant: merged(overrides.tenant ?? limits.tenant) };
  if (change.tool === '*') return { ...overrides, tool: merged(overrides.tool ?? limits.tool) };
  const tools = { ...overrides.tools, [change.tool]: merged(limitOf(change.tool, limits, overrides)) };
  return { ...overrides, tools };
}

const TENANT_BUCKET = '*';
const storedSchema = z.record(z.string(), z.tuple([z.number(), z.number()]));

/** The tenant's bucket and one for each of its tools: in memory, saved with each writing call, restored after an eviction. */
export class Limiter {
  readonly #limits: Limits;
  readonly #overrides: LimitOverrides;
  readonly #buckets = new Map<string, Bucket>();

  /** @param saved what `save` returned, or an empty text */
  constructor(limits: Limits, overrides: LimitOverrides, saved: string) {
    this.#limits = limits;
    this.#overrides = overrides;
    if (saved === '') return;
    for (const [name, [level, at]] of Object.entries(storedSchema.parse(JSON.parse(saved)))) {
      this.#buckets.set(name, { level, at });
    }
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

  /** Takes the price of `tool` from both buckets, or from neither and says when both will hold it. */
  charge(tool: Priced, now: number): Charge {
    const price = tool.cost * MICRO;
    const tenant = this.#level(TENANT_BUCKET, now);
    const own = this.#level(tool.name, now);
    const tenantWait = waitFor(price, tenant, this.#limit(TENANT_BUCKET));
    const ownWait = waitFor(price, own, this.#limit(tool.name));
    if (tenantWait > 0 || ownWait > 0) {
      return {
        ok: false,
        retryAfterMs: Math.max(tenantWait, ownWait),
        scope: tenantWait > ownWait ? 'tenant' : 'tool',
      };
    }
    this.#buckets.set(TENANT_BUCKET, { level: tenant - price, at: now });
    this.#buckets.set(tool.name, { level: own - price, at: now });
    return { ok: true };
  }

  /** The buckets that are not full at `now`, as text: a full one and none are the same. */
  save(now: number): string {
    const stored: Record<string, [number, number]> = {};
    for (const [name, bucket] of this.#buckets) {
      if (levelAt(bucket, this.#limit(name), now) < capacityOf(this.#limit(name)))
        stored[name] = [bucket.level, bucket.at];
    }
    return JSON.stringify(stored);
  }

  status(tools: readonly Priced[], now: number): BucketStatus[] {
    const one = (name: string): Omit<BucketStatus, 'scope'> => {
      const limit = this.#limit(name);
      const level = this.#level(name, now);
      return {
        remaining: Math.floor(level / MICRO),
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
