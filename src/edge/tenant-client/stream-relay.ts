import type { Refusal, SessionId } from '../../tenant/contract/call.ts';
import { streamEndOf } from '../../tenant/streams/durable-listener.ts';
import type { Change, Notice, StreamPurpose } from '../../tenant/streams/listeners.ts';
import type { TenantClient } from './tenant-client.ts';

/** Tries to reach a tenant again whose stream broke, and how long the first of them waits; each waits twice as long. */
const MAX_TRIES = 8;
const FIRST_WAIT_MS = 50;
/** What arrives before anybody hears it. */
const MAX_EARLY = 256;
/** RFC 6455, section 7.4.1. */
const NORMAL_CLOSURE = 1000;

export interface StreamHandler {
  /** @param rev up to which these are all that there are */
  changes(changes: readonly Change[], rev: number): void;
  message(message: unknown): void;
  cancelled(): void;
  /** The tenant has ended the stream, or cannot be reached. */
  ended(): void;
}

/**
 * The edge's end of one stream of a tenant. When the connection breaks, because the tenant's object was moved or
 * restarted, it is made again from the last revision that was heard of: nothing is missed, and nothing heard twice.
 */
export class StreamRelay {
  readonly #door: TenantClient;
  readonly #session: SessionId;
  readonly #purpose: StreamPurpose;
  readonly #expiry: ReturnType<typeof setTimeout> | undefined;
  #rev: number | undefined;
  #socket: WebSocket;
  #hearer: StreamHandler | undefined;
  #early: Notice[] = [];
  #closed = false;

  /** @returns the open relay, or why the tenant refuses it */
  static async open(
    door: TenantClient,
    session: SessionId,
    purpose: StreamPurpose,
    expiresAt: number,
  ): Promise<StreamRelay | Refusal> {
    const socket = await door.listen(session, purpose);
    return 'reason' in socket ? socket : new StreamRelay(door, session, purpose, expiresAt, socket);
  }

  private constructor(
    door: TenantClient,
    session: SessionId,
    purpose: StreamPurpose,
    expiresAt: number,
    socket: WebSocket,
  ) {
    this.#door = door;
    this.#session = session;
    this.#purpose = purpose;
    this.#rev = purpose.kind === 'changes' ? purpose.since : undefined;
    this.#socket = socket;
    this.#listen(socket);
    // A token that expires while its stream is open is good no longer. What is further away outlives any stream.
    const lifeMs = expiresAt - Date.now();
    this.#expiry = lifeMs < MAX_TIMER_MS ? setTimeout(() => this.#end(), Math.max(0, lifeMs)) : undefined;
  }

  /** Begins to hear, what came before first. */
  hear(hearer: StreamHandler): void {
    this.#hearer = hearer;
    const early = this.#early;
    this.#early = [];
    for (const notice of early) this.#tell(notice);
    if (this.#closed) hearer.ended();
  }

  /** Ends the stream: its client is gone, or was told all. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#expiry);
    this.#socket.close(NORMAL_CLOSURE);
  }

  #end(): void {
    if (this.#closed) return;
    this.close();
    this.#hearer?.ended();
  }

  #listen(socket: WebSocket): void {
    socket.addEventListener('message', ({ data }) => {
      if (socket === this.#socket && typeof data === 'string') this.#take(JSON.parse(data));
    });
    let isLost = false;
    // A socket that breaks can say so twice, by a close and an error.
    const lost = (code: number) => {
      if (isLost || socket !== this.#socket || this.#closed) return;
      isLost = true;
      if (streamEndOf(code) === undefined) void this.#reconnect();
      else this.#end();
    };
    socket.addEventListener('close', ({ code }) => lost(code));
    socket.addEventListener('error', () => lost(0));
    socket.accept();
  }

  #take(notice: Notice): void {
    if (this.#closed) return;
    if (notice.kind === 'changes') this.#rev = notice.rev;
    if (this.#hearer !== undefined) this.#tell(notice);
    else if (this.#early.length < MAX_EARLY) this.#early.push(notice);
    else this.#end();
  }

  #tell(notice: Notice): void {
    if (notice.kind === 'changes') this.#hearer?.changes(notice.changes, notice.rev);
    else if (notice.kind === 'message') this.#hearer?.message(notice.message);
    else this.#hearer?.cancelled();
  }

  async #reconnect(): Promise<void> {
    const purpose = this.#purpose.kind === 'changes' ? { ...this.#purpose, since: this.#rev } : this.#purpose;
    for (let tries = 0, waitMs = FIRST_WAIT_MS; tries < MAX_TRIES && !this.#closed; tries++, waitMs *= 2) {
      // Many streams break at once when an object moves: they must not all come back at once.
      await new Promise((resolve) => setTimeout(resolve, waitMs * (0.5 + Math.random())));
      const socket = await this.#door.listen(this.#session, purpose);
      if ('reason' in socket) {
        if (socket.reason === 'unavailable') continue;
        break;
      }
      this.#socket = socket;
      this.#listen(socket);
      if (this.#closed) socket.close(NORMAL_CLOSURE);
      return;
    }
    this.#end();
  }
}

/** The longest time that a timer can be set to. */
const MAX_TIMER_MS = 2 ** 31 - 1;
