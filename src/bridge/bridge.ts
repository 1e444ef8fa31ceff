import {
  isJSONRPCRequest,
  isJSONRPCResponse,
  isSpecType,
  type JSONRPCMessage,
  type JSONRPCRequest,
  PROTOCOL_VERSION_META_KEY,
  ProtocolErrorCode,
  parseJSONRPCMessage,
  type RequestId,
} from '@modelcontextprotocol/client';
import * as z from 'zod';
import { findJsonProblem } from '../json/json-problem.ts';
import type { LineHandler } from '../json/lines.ts';
import { withInexactMarked } from '../json/marked-numbers.ts';
import { readableId } from '../json/rpc-id.ts';
import { holdListenRequest } from './listen.ts';
import type { ClientOutput, Diagnostics } from './output.ts';
import type { ClientMessage, RemoteServer } from './remote.ts';
import { BridgeSession } from './session.ts';

/**
 * The largest message that a client can send. Servers refuse bodies over 4 MiB unless they are configured otherwise.
 */
export const MAX_LINE_BYTES = 8 * 1024 * 1024;
/** Requests that can wait for an answer at once. */
export const MAX_PENDING = 256;

interface PendingRequest {
  readonly abort: AbortController;
  readonly isModern: boolean;
  /** The client was answered, or has cancelled the request. */
  isDone: boolean;
}

const anyRequest = z.looseObject({ id: z.union([z.string(), z.number()]), method: z.string() });

/** A number that JavaScript would change becomes NaN: an id of that kind is none. The client's text is what is sent. */
function parsed(text: string): unknown {
  const value: unknown = JSON.parse(text);
  return findJsonProblem(value) === undefined ? (withInexactMarked(text) ?? value) : value;
}

/** Requests from revision 2026-07-28 on name their revision themselves; all others belong to a 2025 session. */
const isModern = (request: JSONRPCRequest) =>
  typeof request.params?._meta?.[PROTOCOL_VERSION_META_KEY] === 'string';

/**
 * Passes messages between one local client and the remote server. Each request is answered exactly once, unless
 * cancelled.
 */
export class Bridge implements LineHandler {
  readonly #remote: RemoteServer;
  readonly #output: ClientOutput;
  readonly #diagnostics: Diagnostics;
  #session: BridgeSession;
  readonly #pending = new Map<RequestId, PendingRequest>();
  readonly #closing = new AbortController();

  constructor(remote: RemoteServer, output: ClientOutput, diagnostics: Diagnostics) {
    this.#remote = remote;
    this.#output = output;
    this.#diagnostics = diagnostics;
    this.#session = new BridgeSession(remote, output, diagnostics);
  }

  onLine(line: Buffer): void {
    const text = line.toString('utf8').trim();
    if (this.#closing.signal.aborted || text === '') return;
    let value: unknown;
    try {
      value = parsed(text);
    } catch {
      this.#sendError(undefined, 'The line is not valid JSON.', ProtocolErrorCode.ParseError);
      return;
    }
    let message: JSONRPCMessage;
    try {
      message = parseJSONRPCMessage(value);
    } catch {
      this.#rejectInvalid(value);
      return;
    }
    if (isJSONRPCRequest(message)) this.#onRequest({ message, text }, message);
    else if (isSpecType.CancelledNotification(message))
      this.#onCancelled({ message, text }, message.params.requestId);
    else this.#forward({ message, text });
  }

  onOversizedLine(id: RequestId | undefined): void {
    const message = `A message must not exceed ${MAX_LINE_BYTES} bytes. Send less in one call.`;
    this.#diagnostics.report(message);
    const data = { code: 'too_large', limit: MAX_LINE_BYTES };
    this.#output.sendError(id, { code: ProtocolErrorCode.InvalidRequest, message, data });
  }

  /** Closes every exchange and ends the session. */
  async close(): Promise<void> {
    this.#closing.abort();
    for (const { abort } of this.#pending.values()) abort.abort();
    await this.#session.close();
  }

  #sendError(
    id: RequestId | undefined,
    message: string,
    code: number = ProtocolErrorCode.InvalidRequest,
  ): void {
    this.#output.sendError(id, { code, message });
  }

  /** Of a batch, each request is refused by its id, because its client waits for each. */
  #rejectInvalid(value: unknown): void {
    const sentence = Array.isArray(value)
      ? 'Batches are not supported. Send one message per line.'
      : 'The line is not a JSON-RPC message.';
    const ids = (Array.isArray(value) ? value : [value]).flatMap((item) => {
      const id = readableId(anyRequest.safeParse(item).data?.id);
      return id === undefined ? [] : [id];
    });
    for (const id of ids.length === 0 ? [undefined] : ids.slice(0, MAX_PENDING))
      this.#sendError(id, sentence);
  }

  #onRequest(outgoing: ClientMessage, request: JSONRPCRequest): void {
    if (this.#pending.has(request.id)) {
      this.#sendError(request.id, 'A request with this id is still pending. Use another id.');
      return;
    }
    if (this.#pending.size >= MAX_PENDING) {
      this.#sendError(
        request.id,
        `At most ${MAX_PENDING} requests can be pending. Repeat the request later.`,
      );
      return;
    }
    const pending = { abort: new AbortController(), isModern: isModern(request), isDone: false };
    this.#pending.set(request.id, pending);
    void this.#send(outgoing, request, pending)
      .catch((error) => this.#onFailed(request, pending, error))
      .finally(() => this.#pending.delete(request.id));
  }

  async #send(outgoing: ClientMessage, request: JSONRPCRequest, pending: PendingRequest): Promise<void> {
    if (request.method === 'initialize' && !pending.isModern)
      this.#session = new BridgeSession(this.#remote, this.#output, this.#diagnostics, this.#session);
    const { signal } = pending.abort;
    const onMessage = (message: JSONRPCMessage) => this.#onReply(request, pending, message);
    const onRetry = (failure: Error) => this.#diagnostics.reportRetry(failure);
    const options = { signal, onMessage, onRetry };
    if (!pending.isModern) await this.#session.send(outgoing, options);
    else if (request.method === 'subscriptions/listen')
      await holdListenRequest(this.#remote, { ...outgoing, id: request.id }, options);
    else await this.#remote.post(outgoing, { ...options, session: undefined });
    if (!pending.isDone && !signal.aborted) throw this.#remote.unanswered();
    this.#diagnostics.allowRepeat();
  }

  /** Passes on the response to a request, and the notifications before it. */
  #onReply(request: JSONRPCRequest, pending: PendingRequest, message: JSONRPCMessage): void {
    if (pending.isDone) return;
    if (isJSONRPCResponse(message)) {
      if (message.id !== request.id) return;
      pending.isDone = true;
    }
    this.#output.send(message);
    if (pending.isDone && request.method === 'subscriptions/listen') pending.abort.abort();
  }

  #onFailed(request: JSONRPCRequest, pending: PendingRequest, error: unknown): void {
    if (pending.isDone || pending.abort.signal.aborted) return;
    pending.isDone = true;
    const failure = this.#remote.toFailure(error);
    if (!failure.http?.isRpcAnswer) this.#diagnostics.report(failure.message);
    this.#output.sendError(request.id, failure.error);
  }

  /** A cancelled request gets no answer (MCP, "Cancellation"). The 2026 revision cancels by closing the exchange. */
  #onCancelled(outgoing: ClientMessage, id: RequestId | undefined): void {
    const pending = id === undefined ? undefined : this.#pending.get(id);
    if (pending !== undefined) pending.isDone = true;
    const closeExchange = () => pending?.abort.abort();
    if (pending?.isModern || !this.#session.isOpen) closeExchange();
    else this.#forward(outgoing, closeExchange);
  }

  /** Sends a notification, or a response to a request of the server. */
  #forward(outgoing: ClientMessage, afterwards: () => void = () => {}): void {
    const { signal } = this.#closing;
    void this.#session
      .send(outgoing, { signal, onMessage: (reply: JSONRPCMessage) => this.#output.send(reply) })
      .catch((error) => {
        if (!signal.aborted) this.#diagnostics.report(this.#remote.toFailure(error).message);
      })
      .finally(afterwards);
  }
}
