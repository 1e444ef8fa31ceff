import { randomBytes } from 'node:crypto';
import type { Server } from '@modelcontextprotocol/server';
import type { PublishedTools } from '../mcp/published-tools.ts';
import { createServer } from '../mcp/server.ts';
import type { ServerBinding } from '../mcp/server-binding.ts';
import { continueTrace, randomHex } from '../telemetry/trace.ts';
import type { CallOutcome, CallRequest, SessionId } from '../tenant/contract/call.ts';
import type { Listener, ResourceChange, StreamEvent, StreamState } from '../tenant/streams/stream.ts';
import type { ListenSubscriptions } from './listen-subscriptions.ts';
import { NotificationQueue } from './notification-queue.ts';
import type { LocalSpans } from './spans.ts';
import { LOCAL_SCOPES, type LocalTenant } from './tenant.ts';

/** Attempts to open a session that rate limits refuse, each after the time that they name. */
const MAX_OPEN_ATTEMPTS = 20;
/** Protects state that a tool stores with its client between two requests. It is valid only in this process. */
const STATE_KEY = randomBytes(32);

export interface ConnectionOptions {
  readonly tenant: LocalTenant;
  readonly tools: PublishedTools;
  readonly era: 'legacy' | 'modern';
  readonly subscriptions: ListenSubscriptions;
  /** Undefined when nothing is exported. */
  readonly spans: LocalSpans | undefined;
  /** Resolves when the client can be sent more. */
  readonly whenWritable: () => Promise<void>;
}

/**
 * One protocol server of the local process, and the tenant's session that gives it change notifications.
 *
 * Guarantees: calls go through the same pipeline as over HTTP. A 2025 client gets notifications after
 * `notifications/initialized`, a 2026 client for what its `subscriptions/listen` requests name, with the URI as it
 * wrote it. When more has changed than the tenant lists one by one, the client is notified of every resource that it
 * listens to. The session row is deleted before `close` of the server returns, so the database can be closed next.
 * Fails to open, after at most 20 attempts, when the tenant's rate limits refuse the session. When the disk is too full
 * even for the session, calls are served without notifications.
 */
export class Connection {
  readonly server: Server;
  readonly #tenant: LocalTenant;
  readonly #session: SessionId;
  #hasSession = false;
  /** Undefined for a 2025 client. */
  readonly #subscriptions: ListenSubscriptions | undefined;
  readonly #notifications: NotificationQueue;
  /** Cancellation keys of the calls in progress. */
  readonly #running = new Set<string>();

  /** @throws when the tenant refuses the session */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const connection = new Connection(options);
    await connection.#openSession();
    // A server must not send notifications before the 2025 handshake has completed (MCP 2025-11-25, "Lifecycle").
    if (options.era === 'modern') connection.#subscribe();
    else connection.server.oninitialized = () => connection.#subscribe();
    // Internal tools run synchronously: the session is closed when this returns.
    connection.server.onclose = () => void connection.#callInternal('session_close', connection.#sessionArgs);
    return connection;
  }

  private constructor({ tenant, tools, era, subscriptions, spans, whenWritable }: ConnectionOptions) {
    this.#tenant = tenant;
    this.#session = tenant.newSessionId();
    this.#subscriptions = era === 'modern' ? subscriptions : undefined;
    this.server = createServer(this.#binding(tools, spans));
    this.#notifications = new NotificationQueue(this.server, whenWritable);
  }

  get #sessionArgs() {
    return { session_id: this.#session };
  }

  #binding(tools: PublishedTools, spans: LocalSpans | undefined): ServerBinding {
    const tenant = this.#tenant;
    const version = () => this.server.getNegotiatedProtocolVersion();
    const session = () => (this.#hasSession ? this.#session : undefined);
    return {
      tokenId: tenant.tokenId,
      tools,
      toolFilter: undefined,
      scopes: LOCAL_SCOPES,
      stateKey: STATE_KEY,
      connections: tenant.connections,
      get sessionId() {
        return session();
      },
      get protocolVersion() {
        return version();
      },
      transport: 'stdio',
      traceHeaders: { traceparent: undefined },
      arrival,
      call: (request) => this.#trackedCall(request),
      completeRemoteCall: async (request, completion) => tenant.completeRemoteCall(request, completion),
      // Request ids are unique only within a session.
      cancelKey: (id) => `${this.#session}:${typeof id}:${id}`,
      cancel: (cancelKey) => tenant.compartment.cancel(tenant.tokenId, cancelKey),
      // A refusal is shown in the result; stdio has no status code for it.
      refused: () => undefined,
      protocolError: (failure) => tenant.logProtocolError(failure),
      messageEnded: spans && ((end) => spans.messageEnded(end, this.#session)),
    };
  }

  async #trackedCall(request: CallRequest): Promise<CallOutcome> {
    this.#running.add(request.cancelKey);
    try {
      return await this.#tenant.call(request);
    } finally {
      this.#running.delete(request.cancelKey);
    }
  }

  /** Ends the wait of every call in progress: each is answered with what it has. */
  stopWaiting(): void {
    for (const key of this.#running) this.#tenant.compartment.cancel(this.#tenant.tokenId, key);
  }

  /** Calls an internal tool for the connection itself. */
  #callInternal(tool: string, args: Record<string, unknown>): Promise<CallOutcome> {
    const { id, trace, receivedAt } = arrival();
    const unnamed = { clientName: undefined, clientVersion: undefined, protocolVersion: undefined };
    return this.#tenant.call({
      tokenId: this.#tenant.tokenId,
      session: undefined,
      cancelKey: id,
      tool,
      args,
      caller: { requestId: id, trace, receivedAt, transport: 'stdio', ...unnamed },
    });
  }

  async #openSession(): Promise<void> {
    const args = { ...this.#sessionArgs, kind: 'stream' };
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#callInternal('session_open', args);
      this.#hasSession = outcome.kind === 'answer';
      if (this.#hasSession) return;
      const error = outcome.kind === 'error' ? outcome.error : undefined;
      const waitMs = error?.retry_after_ms;
      // The tenant has logged why: the disk is full.
      if (error?.code === 'unavailable' && waitMs === undefined) return;
      if (waitMs === undefined || attempt >= MAX_OPEN_ATTEMPTS)
        throw new Error(`The tenant did not open a session (${outcome.kind}).`);
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }

  #subscribe(): void {
    const { compartment, tokenId } = this.#tenant;
    const all = this.#subscriptions !== undefined;
    this.#tenant.exclusively(() => {
      const registered = compartment.streams.register(tokenId, this.#session, { kind: 'changes', all });
      if (registered.ok)
        compartment.streams.attach(listener(registered.value.state, (event) => this.#onEvent(event)));
    });
  }

  #onEvent(event: StreamEvent): true {
    const changes = event.kind === 'changes' ? event.changes : [];
    for (const change of changes) this.#notifications.add(this.#urisOf(change), change.list);
    return true;
  }

  #urisOf({ uris, cell, reset }: ResourceChange): readonly string[] {
    if (this.#subscriptions === undefined) return uris;
    if (reset === true) return this.#subscriptions.allUris();
    return cell === undefined ? [] : this.#subscriptions.urisOf(cell);
  }
}

function arrival() {
  return { id: randomHex(8), trace: continueTrace(), receivedAt: Date.now() };
}

/** The tenant does not end this listener: it ends with the connection, which closes its session. */
function listener(state: StreamState, send: Listener['send']): Listener {
  let current = state;
  return {
    get state() {
      return current;
    },
    saveState: (saved) => {
      current = saved;
    },
    send,
    end: () => undefined,
  };
}
