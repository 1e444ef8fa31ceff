import { randomHex } from '../../telemetry/trace.ts';
import { REMOTE_TOOL_MS } from '../contract/call.ts';

/** Remote tools that one tenant can have running at once. */
export const MAX_REMOTE_CALLS = 64;
/** A slot that was not released for this long belongs to a process that is gone. */
const LOST_AFTER_MS = 2 * REMOTE_TOOL_MS;

/** Limits how many remote tools of one tenant run at once. */
export class RemoteCallSlots {
  /** When each call began, by its slot. */
  readonly #running = new Map<string, number>();

  /** Reserves a slot. @returns the slot to release, or undefined if all are taken */
  reserve(now: number): string | undefined {
    for (const [lost, startedAt] of this.#running) {
      if (now - startedAt >= LOST_AFTER_MS) this.#running.delete(lost);
    }
    if (this.#running.size >= MAX_REMOTE_CALLS) return undefined;
    const slot = randomHex(8);
    this.#running.set(slot, now);
    return slot;
  }

  release(slot: string): void {
    this.#running.delete(slot);
  }
}
