import { setTimeout as delay } from 'node:timers/promises';
import {
  type InitializeResult,
  isJSONRPCErrorResponse,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
  isSpecType,
  type JSONRPCErrorResponse,
  type JSONRPCMessage,
  type JSONRPCRequest,
} from '@modelcontextprotocol/client';
import * as z from 'zod';
import { changesOfEverything } from './change-notifications.ts';
import { connectionFailure, type TransportFailure } from './failure.ts';
import type { ClientOutput, Diagnostics } from './output.ts';
import type { ClientMessage, RemoteServer, SendOptions, SessionHeaders } from './remote.ts';
import { holdServerStream } from './server-stream.ts';

/** Attempts to restore one subscription that rate limits refuse, and the longest wait between two of them. */
const MAX_SUBSCRIBE_ATTEMPTS = 10;
const MAX_SUBSCRIBE_WAIT_MS = 5000;

const rateLimited = z.looseObject({ retry_after_ms: z.number() });

type ExchangeOptions = Omit<SendOptions, 'session'>;

/** An initialized session, and what is needed to open it again. */
interface OpenSession extends SessionHeaders {
  readonly initializeParams: JSONRPCRequest['params'];
  readonly notifiesOfLists: boolean;
}

/**
 * The session of a client that speaks a 2025 revision, and its notification stream.
 *
 * Guarantees: messages that arrive before the handshake has completed wait for it. A session that the server no longer
 * knows (HTTP 404) is opened again with the client's own `initialize`, once however many messages find out; its
 * subscriptions are restored, the refused message is sent again (the server has not executed it), and the client is
 * notified that everything it follows may have changed. The stream is reopened after every break.
 * Fails with `session_lost` when the server no longer offers the negotiated revision: the client must be restarted. A
 * subscription that cannot be restored, and a stream that is given up, are reported on stderr; the stream is tried
 * again after the next successful request.
 */
export class BridgeSession {
  readonly #remote: RemoteServer;
  readonly #output: ClientOutput;
  readonly #diagnostics: Diagnostics;
  /** URIs. The server bounds how many there are. */
  readonly #subscribed = new Set<string>();
  /** Resolves after `initialize` or `notifications/initialized`, whichever was sent last. */
  #handshake: Promise<unknown>;
  #current: OpenSession | undefined;
  #reopening: Promise<void> | undefined;
  /** Aborted by `close`. */
  readonly #lifetime = new AbortController();
  #stream: AbortController | undefined;
  /** The server offers no stream for this session. */
  #hasNoStream = false;
  #ownRequests = 0;

  /** @param previous the session that this one replaces; it is closed first */
  constructor(
    remote: RemoteServer,
    output: ClientOutput,
    diagnostics: Diagnostics,
    previous?: BridgeSession,
  ) {
    this.#handshake = Promise.resolve(previous?.close());
    this.#remote = remote;
    this.#output = output;
    this.#diagnostics = diagnostics;
  }

  get isOpen(): boolean {
    return this.#current?.id !== undefined;
  }

  /** Sends a message of the client. @throws TransportFailure */
  send(outgoing: ClientMessage, options: ExchangeOptions): Promise<void> {
    const { message } = outgoing;
    const method = 'method' in message ? message.method : undefined;
    const sent = this.#handshake.then(async () => {
      if (method === 'initialize') this.#current = await this.#initialize(outgoing, options);
      else await this.#post(outgoing, options);
    });
    if (method === 'initialize' || method === 'notifications/initialized')
      this.#handshake = sent.catch(() => undefined);
    return sent;
  }

  async close(): Promise<void> {
    this.#lifetime.abort();
    this.#closeStream();
    // An `initialize` in flight may still open a session.
    await this.#handshake;
    const session = this.#current;
    this.#current = undefined;
    await this.#remote.deleteSession(session);
  }

  /** @returns undefined when the server answered with an error */
  async #initialize(outgoing: ClientMessage, options: ExchangeOptions): Promise<OpenSession | undefined> {
    let result: InitializeResult | undefined;
    const onMessage = (message: JSONRPCMessage) => {
      if (isJSONRPCResultResponse(message) && isSpecType.InitializeResult(message.result))
        result = message.result;
      options.onMessage(message);
    };
    const id = await this.#remote.post(outgoing, { ...options, session: undefined, onMessage });
    if (result === undefined) return undefined;
    const { protocolVersion, capabilities } = result;
    const initializeParams = 'params' in outgoing.message ? outgoing.message.params : undefined;
    const notifiesOfLists = capabilities.resources?.listChanged ?? false;
    return { id, protocolVersion, initializeParams, notifiesOfLists };
  }

  async #post(outgoing: ClientMessage, options: ExchangeOptions): Promise<void> {
    const session = this.#current;
    const onMessage = (message: JSONRPCMessage) => {
      this.#trackSubscription(outgoing.message, message);
      options.onMessage(message);
    };
    try {
      await this.#remote.post(outgoing, { ...options, session, onMessage });
    } catch (error) {
      if (session === undefined || !isSessionLost(this.#remote.toFailure(error), session)) throw error;
      await this.#reopen(session);
      await this.#remote.post(outgoing, { ...options, session: this.#current, onMessage });
    }
    this.#holdStream();
  }

  #trackSubscription(request: JSONRPCMessage, response: JSONRPCMessage): void {
    if (!isJSONRPCRequest(request) || !isJSONRPCResultResponse(response)) return;
    if (!isSpecType.SubscribeRequestParams(request.params)) return;
    const { uri } = request.params;
    if (request.method === 'resources/subscribe') this.#subscribed.add(uri);
    if (request.method === 'resources/unsubscribe') this.#subscribed.delete(uri);
  }

  /** Opens a lost session again, once, however many messages find that it is lost. */
  async #reopen(lost: OpenSession): Promise<void> {
    if (this.#current === lost)
      this.#reopening ??= this.#replace(lost).finally(() => {
        this.#reopening = undefined;
      });
    return this.#reopening;
  }

  async #replace(lost: OpenSession): Promise<void> {
    this.#closeStream();
    const options = { signal: this.#lifetime.signal, onMessage: () => {} };
    const session = await this.#initialize(this.#ownRequest('initialize', lost.initializeParams), options);
    if (session?.protocolVersion !== lost.protocolVersion)
      throw connectionFailure(
        'The server has lost the session and no longer speaks its protocol revision. Restart the client.',
        'session_lost',
      );
    try {
      const notification = { jsonrpc: '2.0', method: 'notifications/initialized' } as const;
      await this.#remote.post(asClientMessage(notification), { ...options, session });
      for (const uri of [...this.#subscribed]) await this.#restoreSubscription(uri, session);
    } catch (error) {
      await this.#remote.deleteSession(session);
      throw error;
    }
    if (this.#lifetime.signal.aborted) return this.#remote.deleteSession(session);
    this.#current = session;
    this.#diagnostics.report('The server had ended the session; a new one was opened.');
    this.#holdStream();
    this.#notifyOfEverything();
  }

  async #restoreSubscription(uri: string, session: OpenSession): Promise<void> {
    const { signal } = this.#lifetime;
    for (let attempt = 0; attempt < MAX_SUBSCRIBE_ATTEMPTS; attempt++) {
      let refused: JSONRPCErrorResponse | undefined;
      const onMessage = (message: JSONRPCMessage) => {
        if (isJSONRPCErrorResponse(message)) refused = message;
      };
      await this.#remote.post(this.#ownRequest('resources/subscribe', { uri }), {
        signal,
        onMessage,
        session,
      });
      if (refused === undefined) return;
      const waitMs = rateLimited.safeParse(refused.error.data).data?.retry_after_ms;
      if (waitMs === undefined) break;
      await delay(Math.min(waitMs, MAX_SUBSCRIBE_WAIT_MS), undefined, { signal });
    }
    this.#subscribed.delete(uri);
    this.#diagnostics.report(
      `The session was opened again without the subscription to ${uri}. Subscribe to it again.`,
    );
  }

  #ownRequest(method: string, params: JSONRPCRequest['params']): ClientMessage {
    const id = `bulkhead-bridge-${++this.#ownRequests}`;
    return asClientMessage({ jsonrpc: '2.0', id, method, ...(params === undefined ? {} : { params }) });
  }

  #notifyOfEverything(): void {
    const filter = {
      resourceSubscriptions: [...this.#subscribed],
      resourcesListChanged: this.#current?.notifiesOfLists,
    };
    for (const notification of changesOfEverything(filter)) this.#output.send(notification);
  }

  /** Opens the notification stream, unless it is open. */
  #holdStream(): void {
    const session = this.#current;
    if (session?.id === undefined || this.#stream !== undefined || this.#hasNoStream) return;
    if (this.#lifetime.signal.aborted) return;
    const stream = new AbortController();
    this.#stream = stream;
    const { signal } = stream;
    const onMessage = (message: JSONRPCMessage) => this.#output.send(message);
    const onGap = () => this.#notifyOfEverything();
    const onRetry = (failure: TransportFailure) => this.#diagnostics.reportRetry(failure);
    void holdServerStream(this.#remote, { session, signal, onMessage, onGap, onRetry })
      .then(async (failure) => {
        if (this.#stream === stream) this.#stream = undefined;
        if (failure !== undefined && !signal.aborted) await this.#onStreamFailed(failure, session);
      })
      .catch((error) => this.#diagnostics.report(this.#remote.toFailure(error).message));
  }

  async #onStreamFailed(failure: TransportFailure, session: OpenSession): Promise<void> {
    if (isSessionLost(failure, session)) return this.#reopen(session);
    // After any other permanent refusal there is no stream. A refused token may become valid again: the next success
    // will show it.
    const status = failure.http?.status;
    this.#hasNoStream = !failure.isTransient && status !== 401 && status !== 403;
    // 405: the server has no streams, which is its right (MCP 2025-11-25, "Listening for messages from the server").
    if (status !== 405) throw failure;
  }

  #closeStream(): void {
    this.#stream?.abort();
    this.#stream = undefined;
  }
}

const asClientMessage = (message: JSONRPCMessage): ClientMessage => ({
  message,
  text: JSON.stringify(message),
});

/** HTTP 404 in answer to a session id (MCP 2025-11-25, "Session management"). */
const isSessionLost = (failure: TransportFailure, session: SessionHeaders) =>
  failure.http?.status === 404 && !failure.http.isRpcAnswer && session.id !== undefined;
