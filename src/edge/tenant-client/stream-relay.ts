import { fail, type Result, succeed } from '../../result.ts';
import type { SessionId, StreamFailure } from '../../tenant/contract/call.ts';
import type { ResourceChange, StreamEvent, StreamPurpose } from '../../tenant/streams/stream.ts';
import { NORMAL_CLOSURE, type StreamRequest, streamEndOf } from '../../tenant/streams/stream-protocol.ts';
import type { Scope } from '../../tools/tool.ts';
import type { OpenedStream, TenantClient } from './tenant-client.ts';

/** Attempts to reconnect, and how long the first one waits; each further one waits twice as long. */
const MAX_ATTEMPTS = 8;
const FIRST_WAIT_MS = 50;
/** Events that are buffered until a handler is set. */
const MAX_BUFFERED = 256;
/** The longest delay of a timer. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Receives what the tenant sends on a stream. */
export interface StreamHandler {
  /** @param rev all changes up to this revision are now known */
  changes(changes: readonly ResourceChange[], rev: number): void;
  message(message: unknown): void;
  cancelled(): void;
  /** The tenant has ended the stream, or cannot be reached. Called at most once. */
  ended(): void;
}

/**
 * The edge's side of one notification stream.
 *
 * A client's SSE response is held by the edge; changes reach it over a hibernatable WebSocket from the tenant's Durable
 * Object.
 * Guarantees: events arrive in revision order. A broken connection is opened again and resumes after the last revision
 * that was passed on, so a client receives no change twice and misses none.
 * Ends when the client disconnects, the token or grant is revoked or expires, the tenant ends it, or the tenant stays unreachable
 * for eight attempts (about 13 s).
 * Memory: at most 256 events are buffered before a handler is set; one more ends the stream.
 */
export class StreamRelay {
  readonly scopes: readonly Scope[];
  readonly tools: readonly string[] | undefined;
  /** Whether calls of some tools are held until a person approves them. */
  readonly holdsCalls: boolean;
  readonly #tenant: TenantClient;
  readonly #session: SessionId;
  readonly #purpose: StreamPurpose;
  #expiry: ReturnType<typeof setTimeout> | undefined;
  #rev: number | undefined;
  #socket: WebSocket;
  #handler: StreamHandler | undefined;
  #buffered: StreamEvent[] = [];
  #closed = false;

  /**
   * Opens a stream, in one request to the tenant.
   */
  static async open(
    tenant: TenantClient,
    stream: Omit<StreamRequest, 'tokenId'>,
  ): Promise<Result<StreamRelay, StreamFailure>> {
    const opened = await tenant.openStream(stream);
    if (!opened.ok) return fail(opened.error);
    return succeed(new StreamRelay(tenant, stream, opened.value));
  }

  private constructor(
    tenant: TenantClient,
    { session, purpose }: Omit<StreamRequest, 'tokenId'>,
    { socket, scopes, expiresAt, tools, holdsCalls }: OpenedStream,
  ) {
    this.scopes = scopes;
    this.tools = tools;
    this.holdsCalls = holdsCalls;
    this.#tenant = tenant;
    this.#session = session;
    this.#purpose = purpose;
    this.#rev = purpose.kind === 'changes' ? purpose.since : undefined;
    this.#socket = socket;
    this.#receiveFrom(socket);
    this.#endAt(expiresAt);
  }

  /** Sets the handler, and passes it the buffered events. */
  onEvents(handler: StreamHandler): void {
    this.#handler = handler;
    const buffered = this.#buffered;
    this.#buffered = [];
    for (const event of buffered) dispatch(event, handler);
    if (this.#closed) handler.ended();
  }

  /** Closes the stream: its client is gone, or has received everything. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#expiry);
    this.#socket.close(NORMAL_CLOSURE);
  }

  /** A stream ends with its token or grant. An expiry beyond the range of a timer outlives any stream. */
  #endAt(expiresAt: number): void {
    const lifeMs = expiresAt - Date.now();
    this.#expiry =
      lifeMs < MAX_TIMER_MS ? setTimeout(() => void this.#expire(), Math.max(0, lifeMs)) : undefined;
  }

  /** A grant that was refreshed since the stream was opened lives on. */
  async #expire(): Promise<void> {
    const admission = await this.#tenant.admit(this.#session);
    if (this.#closed) return;
    if (admission.ok && admission.value.expiresAt > Date.now()) this.#endAt(admission.value.expiresAt);
    else this.#end();
  }

  #end(): void {
    if (this.#closed) return;
    this.close();
    this.#handler?.ended();
  }

  #receiveFrom(socket: WebSocket): void {
    socket.addEventListener('message', ({ data }) => {
      if (socket === this.#socket && typeof data === 'string') this.#receive(JSON.parse(data));
    });
    let isLost = false;
    // A broken socket can report both a close and an error.
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

  #receive(event: StreamEvent): void {
    if (this.#closed) return;
    if (event.kind === 'changes') this.#rev = event.rev;
    if (this.#handler !== undefined) dispatch(event, this.#handler);
    else if (this.#buffered.length < MAX_BUFFERED) this.#buffered.push(event);
    else this.#end();
  }

  async #reconnect(): Promise<void> {
    const purpose = this.#purpose.kind === 'changes' ? { ...this.#purpose, since: this.#rev } : this.#purpose;
    let waitMs = FIRST_WAIT_MS;
    for (let attempt = 0; attempt < MAX_ATTEMPTS && !this.#closed; attempt++, waitMs *= 2) {
      // Many streams break at once when an object moves: the jitter spreads their reconnects.
      await new Promise((resolve) => setTimeout(resolve, waitMs * (0.5 + Math.random())));
      const opened = await this.#tenant.openStream({ session: this.#session, purpose });
      if (!opened.ok) {
        if (isUnavailable(opened.error)) continue;
        break;
      }
      const { socket } = opened.value;
      this.#socket = socket;
      this.#receiveFrom(socket);
      if (this.#closed) socket.close(NORMAL_CLOSURE);
      return;
    }
    this.#end();
  }
}

const isUnavailable = (failure: StreamFailure) =>
  failure.kind === 'refused' && failure.refusal.reason === 'unavailable';

function dispatch(event: StreamEvent, handler: StreamHandler): void {
  if (event.kind === 'changes') handler.changes(event.changes, event.rev);
  else if (event.kind === 'message') handler.message(event.message);
  else handler.cancelled();
}
