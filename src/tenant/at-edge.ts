/** Calls of tools at the edge that one tenant can have running at once. */
export const MAX_AT_EDGE = 64;
/** How long a tool at the edge may run, its questions to the caller included. */
export const EDGE_TOOL_MS = 300_000;
/** Whoever ran a tool for longer than this is gone, or it would have been ended. */
const LOST_AFTER_MS = 2 * EDGE_TOOL_MS;

/** The calls that run at the edge now. */
export class AtEdge {
  /** When each began, by the key that cancels it. */
  readonly #running = new Map<string, number>();

  /** Counts a call in; false when too many run already. */
  begin(key: string, now: number): boolean {
    for (const [lost, startedAt] of this.#running) {
      if (now - startedAt >= LOST_AFTER_MS) this.#running.delete(lost);
    }
    if (this.#running.size >= MAX_AT_EDGE) return false;
    this.#running.set(key, now);
    return true;
  }

  end(key: string): void {
    this.#running.delete(key);
  }
}
