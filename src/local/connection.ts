import { randomBytes } from 'node:crypto';
import type { Server } from '@modelcontextprotocol/server';
import type { PublishedTools } from '../mcp/published-tools.ts';
import { createServer } from '../mcp/server.ts';
import type { ServerBinding } from '../mcp/server-binding.ts';
import { continueTrace, randomHex } from '../telemetry/trace.ts';
import type { CallOutcome, CallRequest, SessionId } from '../tenant/contract/call.ts';
import type { Listener, ResourceChange, StreamEvent, StreamState } from '../tenant/streams/stream.ts';
import { SCOPES } from '../tools/tool.ts';
import type { Listens } from './listens.ts';
import { Push } from './push.ts';
import type { LocalTenant } from './tenant.ts';

/** How often a connection that the limits refuse is tried again, each time when they have room. */
const MAX_OPENINGS = 20;
/** Of this process: what a client keeps for a tool is for this connection. */
const STATE_KEY = randomBytes(32);

export interface ConnectionOptions {
  readonly tenant: LocalTenant;
  readonly tools: PublishedTools;
  readonly era: 'legacy' | 'modern';
  readonly listens: Listens;
  /** Resolves when the client has room for more. */
  readonly ready: () => Promise<void>;
}

/** One protocol server for one connection, and the session by which it is told of changes. */
export class Connection {
  readonly server: Server;
  readonly #tenant: LocalTenant;
  readonly #session: SessionId;
  readonly #listens: Listens | undefined;
  readonly #push: Push;
  /** Calls that have not ended. */
  readonly #running = new Set<string>();

  /** @throws when the tenant does not take the session */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const connection = new Connection(options);
    await connection.#openSession();
    // A 2025 client is told of nothing before it says that it is ready; a 2026 client hears what it listens to.
    if (options.era === 'modern') connection.#listen();
    else connection.server.oninitialized = () => connection.#listen();
    // Done when this returns, so that the file may be closed next.
    connection.server.onclose = () => void connection.#call('session_close', connection.#named);
    return connection;
  }

  private constructor({ tenant, tools, era, listens, ready }: ConnectionOptions) {
    this.#tenant = tenant;
    this.#session = tenant.newSessionId();
    this.#listens = era === 'modern' ? listens : undefined;
    this.server = createServer(this.#binding(tools));
    this.#push = new Push(this.server, ready);
  }

  get #named() {
    return { session_id: this.#session };
  }

  #binding(tools: PublishedTools): ServerBinding {
    const tenant = this.#tenant;
    const version = () => this.server.getNegotiatedProtocolVersion();
    return {
      tokenId: tenant.tokenId,
      tools,
      toolFilter: undefined,
      scopes: SCOPES,
      stateKey: STATE_KEY,
      sessionId: this.#session,
      get protocolVersion() {
        return version();
      },
      traceparent: null,
      arrival,
      call: (request) => this.#tracked(request),
      completeRemoteCall: async (request, completion) => tenant.completeRemoteCall(request, completion),
      // Ids are the client's own, and two connections of one process never have one session.
      cancelKey: (id) => `${this.#session}:${typeof id}:${id}`,
      cancel: (cancelKey) => tenant.compartment.cancel(tenant.tokenId, cancelKey),
      // Said in the result; there is no other way here.
      refused: () => undefined,
    };
  }

  async #tracked(request: CallRequest): Promise<CallOutcome> {
    this.#running.add(request.cancelKey);
    try {
      return await this.#tenant.call(request);
    } finally {
      this.#running.delete(request.cancelKey);
    }
  }

  /** Lets no call wait any longer: each is answered with what there is. */
  stopWaiting(): void {
    for (const key of this.#running) this.#tenant.compartment.cancel(this.#tenant.tokenId, key);
  }

  /** A call of this connection's own. */
  #call(tool: string, args: Record<string, unknown>): Promise<CallOutcome> {
    const { id, trace, receivedAt } = arrival();
    const unnamed = { clientName: undefined, clientVersion: undefined, protocolVersion: undefined };
    return this.#tenant.call({
      tokenId: this.#tenant.tokenId,
      session: undefined,
      cancelKey: id,
      tool,
      args,
      caller: { requestId: id, trace, receivedAt, ...unnamed },
    });
  }

  async #openSession(): Promise<void> {
    const args = { ...this.#named, kind: 'stream' };
    for (let tries = 1; ; tries++) {
      const outcome = await this.#call('session_open', args);
      if (outcome.kind === 'answer') return;
      const waitMs = outcome.kind === 'error' ? outcome.error.retry_after_ms : undefined;
      if (waitMs === undefined || tries >= MAX_OPENINGS)
        throw new Error(`the session was not opened: ${outcome.kind}`);
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }

  #listen(): void {
    const { compartment, tokenId } = this.#tenant;
    const all = this.#listens !== undefined;
    this.#tenant.exclusively(() => {
      const registered = compartment.registerStream(tokenId, this.#session, { kind: 'changes', all });
      if (registered.ok) compartment.attach(listener(registered.value.state, (event) => this.#notify(event)));
    });
  }

  #notify(event: StreamEvent): true {
    const changes = event.kind === 'changes' ? event.changes : [];
    for (const change of changes) this.#push.tell(this.#urisOf(change), change.list);
    return true;
  }

  #urisOf({ uris, cell, reset }: ResourceChange): readonly string[] {
    if (this.#listens === undefined) return uris;
    if (reset === true) return this.#listens.uris();
    return cell === undefined ? [] : this.#listens.spellings(cell);
  }
}

function arrival() {
  return { id: randomHex(8), trace: continueTrace(), receivedAt: Date.now() };
}

/** The listener of a connection: it ends only with the connection, which closes its session then. */
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
