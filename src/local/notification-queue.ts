import type { Server } from '@modelcontextprotocol/server';

/**
 * Sends change notifications as fast as the client reads them. A resource that changes again before its notification
 * was sent gets one notification, so the queue never holds more than the client is subscribed to.
 */
export class NotificationQueue {
  readonly #server: Server;
  readonly #whenWritable: () => Promise<void>;
  readonly #uris = new Set<string>();
  #listChanged = false;
  #isSending = false;

  /** @param whenWritable resolves when the client can be sent more */
  constructor(server: Server, whenWritable: () => Promise<void>) {
    this.#server = server;
    this.#whenWritable = whenWritable;
  }

  /**
   * @param uris resources that have changed
   * @param listChanged whether the list of resources has changed
   */
  add(uris: Iterable<string>, listChanged: boolean): void {
    for (const uri of uris) this.#uris.add(uri);
    this.#listChanged ||= listChanged;
    if (!this.#isSending) void this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true;
    try {
      for (let more = true; more; more = this.#listChanged || this.#uris.size > 0) {
        await this.#whenWritable();
        await this.#sendNext();
      }
    } catch {
      // The client has disconnected.
      this.#uris.clear();
      this.#listChanged = false;
    } finally {
      this.#isSending = false;
    }
  }

  async #sendNext(): Promise<void> {
    const [uri] = this.#uris;
    if (uri !== undefined) {
      this.#uris.delete(uri);
      await this.#server.sendResourceUpdated({ uri });
    } else if (this.#listChanged) {
      this.#listChanged = false;
      await this.#server.sendResourceListChanged();
    }
  }
}
