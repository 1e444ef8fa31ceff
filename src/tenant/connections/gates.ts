import { REMOTE_TOOL_MS } from '../contract/call.ts';
import type { ConnectionUse, Gate } from '../contract/connection.ts';
import { type Breaker, CLOSED, settled, stateOf } from './breaker.ts';

/** Calls of one tenant that may use one connection at once. */
export const MAX_CALLS = 16;
/** When to try again while all of them are taken, or while a probe runs. */
const RETRY_BUSY_MS = 1000;
/** A call that was not settled for this long belongs to a process that is gone. */
const LOST_AFTER_MS = 2 * REMOTE_TOOL_MS;

interface Running {
  readonly since: number;
  readonly isProbe: boolean;
}

/** What a breaker keeps on disk, so that an object that was evicted does not forget that a system is down. */
export type SavedBreaker = Pick<Breaker, 'opens' | 'openUntil'>;

/**
 * The bulkhead and the circuit breaker of each connection of one tenant. They cost no request of their own: a call is let
 * through when it is admitted, and says with its settlement what became of its requests.
 */
export class ConnectionGates {
  /** The calls that use a connection, by its name and by the slot of the call. */
  readonly #running = new Map<string, Map<string, Running>>();
  readonly #breakers = new Map<string, Breaker>();

  /**
   * Decides whether a call may use a connection, and counts it if it may.
   * @param saved what is on disk, for the first call since this was made
   */
  admit(name: string, slot: string, saved: SavedBreaker, now: number): Gate {
    const running = this.#callsOf(name, now);
    const breaker = this.#breakers.get(name) ?? { ...CLOSED, ...saved };
    this.#breakers.set(name, breaker);
    const state = stateOf(breaker, now);
    if (state.kind === 'open') return { admits: false, reason: 'failing', retryAfterMs: state.retryAfterMs };
    const isProbe = state.kind === 'half_open';
    if (isProbe && [...running.values()].some((call) => call.isProbe))
      return { admits: false, reason: 'failing', retryAfterMs: RETRY_BUSY_MS };
    if (running.size >= MAX_CALLS) return { admits: false, reason: 'busy', retryAfterMs: RETRY_BUSY_MS };
    running.set(slot, { since: now, isProbe });
    return { admits: true, isProbe };
  }

  /**
   * Takes into account what became of a call's requests.
   * @returns the breaker, if what it keeps on disk has changed
   */
  settle(use: ConnectionUse, slot: string, now: number): Breaker | undefined {
    const call = this.#running.get(use.name)?.get(slot);
    const before = this.#breakers.get(use.name);
    if (call === undefined || before === undefined) return undefined;
    const after = settled(before, use, call.isProbe, now);
    this.#breakers.set(use.name, after);
    return after.opens === before.opens && after.openUntil === before.openUntil ? undefined : after;
  }

  /** Frees what a call has taken of all connections. */
  release(slot: string): void {
    for (const [name, calls] of this.#running) {
      calls.delete(slot);
      if (calls.size === 0) this.#running.delete(name);
    }
  }

  /** Forgets everything, because the tenant was erased. */
  clear(): void {
    this.#running.clear();
    this.#breakers.clear();
  }

  /** Closes the breaker of a connection that was changed or removed. */
  reset(name: string): void {
    this.#breakers.delete(name);
  }

  #callsOf(name: string, now: number): Map<string, Running> {
    const calls = this.#running.get(name) ?? new Map<string, Running>();
    this.#running.set(name, calls);
    for (const [slot, { since }] of calls) if (Math.abs(now - since) >= LOST_AFTER_MS) calls.delete(slot);
    return calls;
  }
}
