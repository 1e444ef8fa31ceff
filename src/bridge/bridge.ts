import {
  isJSONRPCNotification,
  isJSONRPCRequest,
  type JSONRPCMessage,
  type JSONRPCRequest,
  type JSONRPCResponse,
  PROTOCOL_VERSION_META_KEY,
  ProtocolErrorCode,
  parseJSONRPCMessage,
  type RequestId,
} from '@modelcontextprotocol/client';
import * as z from 'zod';
import { keepOpen } from './backoff.ts';
import { type LineSink, MAX_LINE_BYTES } from './lines.ts';
import { listChanged, resourceUpdated } from './missed-notifications.ts';
import type { Output, Report } from './output.ts';
import type { ClientMessage, Remote } from './remote.ts';
import { ClientSession } from './session.ts';

/** Requests that can wait for an answer at once; as many other messages can be on their way. */
export const MAX_PENDING = 256;

interface Pending {
  readonly abort: AbortController;
  readonly modern: boolean;
  /** Whether its answer was passed on, or is wanted no longer. */
  settled: boolean;
}

const requestParams = z.looseObject({ _meta: z.looseObject({ [PROTOCOL_VERSION_META_KEY]: z.string() }) });
const idOfRequest = z.looseObject({ id: z.union([z.string(), z.number()]), method: z.string() });
const cancelled = z.looseObject({ requestId: z.union([z.string(), z.number()]) });
const acknowledged = z.looseObject({
  notifications: z.looseObject({
    resourceSubscriptions: z.array(z.string()).optional(),
    resourcesListChanged: z.boolean().optional(),
    toolsListChanged: z.boolean().optional(),
    promptsListChanged: z.boolean().optional(),
  }),
});
type Filter = z.output<typeof acknowledged>['notifications'];

/** A request of the revisions from 2026-07-28 on says in itself which one it is; any other is of a 2025 one. */
const isModern = (request: JSONRPCRequest) => requestParams.safeParse(request.params).success;
const isResponse = (message: JSONRPCMessage): message is JSONRPCResponse =>
  'result' in message || 'error' in message;

/** Carries the messages of one local client to a remote server and back; every request is answered, or cancelled. */
export class Bridge implements LineSink {
  readonly #remote: Remote;
  readonly #output: Output;
  readonly #report: Report;
  readonly #session: ClientSession;
  readonly #pending = new Map<RequestId, Pending>();
  /** Notifications and answers on their way. */
  readonly #others = new Set<AbortController>();
  #ended = false;

  constructor(remote: Remote, output: Output, report: Report) {
    this.#remote = remote;
    this.#output = output;
    this.#report = report;
    this.#session = new ClientSession(remote, output, report);
  }

  line(text: string): void {
    if (this.#ended) return;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      this.#output.sendError(null, { code: ProtocolErrorCode.ParseError, message: 'The line is not JSON.' });
      return;
    }
    let message: JSONRPCMessage;
    try {
      message = parseJSONRPCMessage(value);
    } catch {
      this.#refuse(value);
      return;
    }
    if (isJSONRPCRequest(message)) this.#request(message, text);
    else if (isJSONRPCNotification(message) && message.method === 'notifications/cancelled')
      this.#cancel({ message, text }, cancelled.safeParse(message.params).data?.requestId);
    else this.#other({ message, text });
  }

  tooLong(id: RequestId | undefined): void {
    const message = `A message must not exceed ${MAX_LINE_BYTES} bytes.`;
    this.#output.sendError(id ?? null, { code: ProtocolErrorCode.InvalidRequest, message });
  }

  /** Ends every stream and the session. */
  async end(): Promise<void> {
    this.#ended = true;
    for (const { abort } of this.#pending.values()) abort.abort();
    for (const abort of this.#others) abort.abort();
    await this.#session.close();
  }

  /** What is no message is refused; of a batch each request is, for its client waits for each. */
  #refuse(value: unknown): void {
    const message = Array.isArray(value)
      ? 'Batches are not carried; send one message a line.'
      : 'The line is not a JSON-RPC message.';
    const ids = (Array.isArray(value) ? value : [value]).flatMap((item) => {
      const { data } = idOfRequest.safeParse(item);
      return data === undefined ? [] : [data.id];
    });
    for (const id of ids.length === 0 ? [null] : ids.slice(0, MAX_PENDING))
      this.#output.sendError(id, { code: ProtocolErrorCode.InvalidRequest, message });
  }

  #request(request: JSONRPCRequest, text: string): void {
    const refusal = this.#pending.has(request.id)
      ? 'A request with this id is being answered.'
      : this.#pending.size >= MAX_PENDING
        ? `No more than ${MAX_PENDING} requests can wait at once; repeat it later.`
        : undefined;
    if (refusal !== undefined) {
      this.#output.sendError(request.id, { code: ProtocolErrorCode.InvalidRequest, message: refusal });
      return;
    }
    const pending: Pending = { abort: new AbortController(), modern: isModern(request), settled: false };
    this.#pending.set(request.id, pending);
    void this.#carry(request, text, pending)
      .catch((error) => this.#fail(request, pending, error))
      .finally(() => this.#pending.delete(request.id));
  }

  async #carry(request: JSONRPCRequest, text: string, pending: Pending): Promise<void> {
    const { signal } = pending.abort;
    const outgoing = { message: request, text };
    const way = { signal, onmessage: (message: JSONRPCMessage) => this.#pass(request, pending, message) };
    if (pending.modern && request.method === 'subscriptions/listen')
      await this.#listen(request, text, pending);
    else if (pending.modern) await this.#remote.post(outgoing, { ...way, session: undefined });
    else if (request.method === 'initialize') await this.#session.initialize(request, text, way);
    else await this.#session.send(outgoing, way);
    if (!pending.settled && !signal.aborted) throw this.#remote.unanswered();
    this.#report.forget();
  }

  #pass(request: JSONRPCRequest, pending: Pending, message: JSONRPCMessage): void {
    if (pending.settled) return;
    if (isResponse(message)) {
      if (message.id !== request.id) return;
      pending.settled = true;
    }
    this.#output.send(message);
  }

  #fail(request: JSONRPCRequest, pending: Pending, error: unknown): void {
    if (pending.settled || pending.abort.signal.aborted) return;
    pending.settled = true;
    const failure = this.#remote.failure(error);
    if (!failure.answered) this.#report.say(failure.message);
    this.#output.sendError(request.id, failure.error);
  }

  /**
   * Holds a `subscriptions/listen` open: it is asked again whenever its stream breaks, and its client is then told that
   * all it asked for may have changed, for these revisions have no way to ask what was missed.
   */
  async #listen(request: JSONRPCRequest, text: string, pending: Pending): Promise<void> {
    const { signal } = pending.abort;
    let honoured: Filter | undefined;
    const failure = await keepOpen(async (alive) => {
      const onmessage = (message: JSONRPCMessage) => {
        alive();
        const filter = acknowledgedBy(message);
        const again = honoured !== undefined;
        honoured = filter ?? honoured;
        if (filter === undefined || !again) this.#pass(request, pending, message);
        else for (const missed of missedOf(filter, request.id)) this.#output.send(missed);
        if (pending.settled) pending.abort.abort();
      };
      try {
        await this.#remote.post({ message: request, text }, { session: undefined, signal, onmessage });
      } catch (error) {
        // Until it was open once, its client waits to hear that.
        if (honoured === undefined) throw error;
        return this.#remote.failure(error);
      }
      if (honoured === undefined) throw this.#remote.unanswered();
      const broken = this.#remote.brokenStream();
      if (!signal.aborted) this.#report.say(`${broken.message} Connecting again.`);
      return broken;
    }, signal);
    if (failure !== undefined) throw failure;
  }

  /** A request that is cancelled gets no answer (MCP, "Cancellation"); of the new revisions its stream is closed instead. */
  #cancel(outgoing: ClientMessage, id: RequestId | undefined): void {
    const pending = id === undefined ? undefined : this.#pending.get(id);
    if (pending !== undefined) pending.settled = true;
    const close = () => pending?.abort.abort();
    if (pending?.modern || !this.#session.isOpen) close();
    else this.#other(outgoing, close);
  }

  #other(outgoing: ClientMessage, sent: () => void = () => {}): void {
    if (this.#others.size >= MAX_PENDING) {
      this.#report.say(`No more than ${MAX_PENDING} messages can be on their way at once; one was dropped.`);
      sent();
      return;
    }
    const abort = new AbortController();
    this.#others.add(abort);
    const { message } = outgoing;
    const way = { signal: abort.signal, onmessage: (said: JSONRPCMessage) => this.#output.send(said) };
    const opens = 'method' in message && message.method === 'notifications/initialized';
    void (opens ? this.#session.initialized(outgoing, way) : this.#session.send(outgoing, way))
      .catch((error) => {
        if (!abort.signal.aborted) this.#report.say(this.#remote.failure(error).message);
      })
      .finally(() => {
        this.#others.delete(abort);
        sent();
      });
  }
}

function acknowledgedBy(message: JSONRPCMessage): Filter | undefined {
  if (!('method' in message) || message.method !== 'notifications/subscriptions/acknowledged')
    return undefined;
  return acknowledged.safeParse(message.params).data?.notifications;
}

function missedOf(filter: Filter, subscription: RequestId) {
  return [
    ...(filter.resourceSubscriptions ?? []).map((uri) => resourceUpdated(uri, subscription)),
    ...(filter.resourcesListChanged ? [listChanged('resources', subscription)] : []),
    ...(filter.toolsListChanged ? [listChanged('tools', subscription)] : []),
    ...(filter.promptsListChanged ? [listChanged('prompts', subscription)] : []),
  ];
}
