import type { Server } from '@modelcontextprotocol/server';

/**
 * Tells a client of changes, as fast as it reads: what changes again before it was told is told once. So no more is kept
 * than the client can be subscribed to.
 */
export class Push {
  readonly #server: Server;
  readonly #ready: () => Promise<void>;
  readonly #updated = new Set<string>();
  #listChanged = false;
  #telling = false;

  /** @param ready resolves when the client has room for more */
  constructor(server: Server, ready: () => Promise<void>) {
    this.#server = server;
    this.#ready = ready;
  }

  tell(uris: Iterable<string>, listChanged: boolean): void {
    for (const uri of uris) this.#updated.add(uri);
    this.#listChanged ||= listChanged;
    if (!this.#telling) void this.#tellAll();
  }

  async #tellAll(): Promise<void> {
    this.#telling = true;
    try {
      for (let more = true; more; more = this.#listChanged || this.#updated.size > 0) {
        await this.#ready();
        await this.#tellNext();
      }
    } catch {
      // The client is gone, and nobody is left to tell.
      this.#updated.clear();
      this.#listChanged = false;
    } finally {
      this.#telling = false;
    }
  }

  async #tellNext(): Promise<void> {
    const [uri] = this.#updated;
    if (uri !== undefined) {
      this.#updated.delete(uri);
      await this.#server.sendResourceUpdated({ uri });
    } else if (this.#listChanged) {
      this.#listChanged = false;
      await this.#server.sendResourceListChanged();
    }
  }
}
