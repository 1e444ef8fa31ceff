import { randomHex } from '../../telemetry/trace.ts';

/** Calls of tools at the edge that one tenant can have running at once. */
export const MAX_REMOTE_CALLS = 64;
/** How long a tool at the edge may run, its questions to the caller included. */
export const REMOTE_TOOL_MS = 300_000;
/** Whoever ran a tool for longer than this is gone, or it would have been ended. */
const LOST_AFTER_MS = 2 * REMOTE_TOOL_MS;

/** The calls that run at the edge now. */
export class RemoteCallSlots {
  /** When each began, by its slot. */
  readonly #running = new Map<string, number>();

  /** Counts a call in. @returns the slot that counts it out again; undefined when too many run already */
  begin(now: number): string | undefined {
    for (const [lost, startedAt] of this.#running) {
      if (now - startedAt >= LOST_AFTER_MS) this.#running.delete(lost);
    }
    if (this.#running.size >= MAX_REMOTE_CALLS) return undefined;
    const slot = randomHex(8);
    this.#running.set(slot, now);
    return slot;
  }

  end(slot: string): void {
    this.#running.delete(slot);
  }
}
