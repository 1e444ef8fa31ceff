import { randomHex } from '../telemetry/trace.ts';

/** Calls of tools at the edge that one tenant can have running at once. */
export const MAX_AT_EDGE = 64;
/** How long a tool at the edge may run, its questions to the caller included. */
export const EDGE_TOOL_MS = 300_000;
/** Whoever ran a tool for longer than this is gone, or it would have been ended. */
const LOST_AFTER_MS = 2 * EDGE_TOOL_MS;

/** The calls that run at the edge now. */
export class AtEdge {
  /** When each began, by its ticket. */
  readonly #running = new Map<string, number>();

  /** Counts a call in. @returns the ticket that counts it out again; undefined when too many run already */
  begin(now: number): string | undefined {
    for (const [lost, startedAt] of this.#running) {
      if (now - startedAt >= LOST_AFTER_MS) this.#running.delete(lost);
    }
    if (this.#running.size >= MAX_AT_EDGE) return undefined;
    const ticket = randomHex(8);
    this.#running.set(ticket, now);
    return ticket;
  }

  end(ticket: string): void {
    this.#running.delete(ticket);
  }
}
