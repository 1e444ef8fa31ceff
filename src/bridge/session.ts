import { setTimeout as delay } from 'node:timers/promises';
import {
  isJSONRPCRequest,
  isJSONRPCResultResponse,
  type JSONRPCMessage,
  type JSONRPCRequest,
} from '@modelcontextprotocol/client';
import * as z from 'zod';
import { keepOpen } from './backoff.ts';
import { brokenOff, type Failure } from './failure.ts';
import { listChanged, resourceUpdated } from './missed-notifications.ts';
import type { Output, Report } from './output.ts';
import type { ClientMessage, Remote, SendOptions, Session } from './remote.ts';

/** How long the end of a session may keep the process. */
const TERMINATE_MS = 1000;

const initialized = z.looseObject({
  protocolVersion: z.string(),
  capabilities: z.looseObject({
    resources: z.looseObject({ listChanged: z.boolean().optional() }).optional(),
  }),
});
const named = z.looseObject({ uri: z.string() });
const refusal = z.looseObject({
  error: z.looseObject({ data: z.looseObject({ retry_after_ms: z.number().optional() }).optional() }),
});
/** How often a subscription is tried again that the limits refuse, and how long each try waits at most. */
const MAX_TRIES = 10;
const MAX_WAIT_MS = 5000;

/** What one session of the 2025 revisions is made of, and what it takes to make it again. */
interface Opened extends Session {
  readonly params: JSONRPCRequest['params'];
  readonly listChanged: boolean;
}

/**
 * The client's session of the 2025 revisions at the remote server, and its stream of what the server says unasked. A
 * session that the server has lost (after a day of sleep, say) is opened again unnoticed: clients start a local process
 * once and show its errors for good, and what a session holds, its subscriptions, is known here.
 */
export class ClientSession {
  readonly #remote: Remote;
  readonly #output: Output;
  readonly #report: Report;
  readonly #subscribed = new Set<string>();
  /** Until the handshake is done, whatever comes after it waits. */
  #ready: Promise<void> = Promise.resolve();
  #current: Opened | undefined;
  #reopening: Promise<void> | undefined;
  /** Ended with the session. */
  #life = new AbortController();
  #push: AbortController | undefined;
  /** The server offers this session no stream. */
  #pushless = false;
  #reopened = 0;

  constructor(remote: Remote, output: Output, report: Report) {
    this.#remote = remote;
    this.#output = output;
    this.#report = report;
  }

  /** Passes `initialize` on, and notes what the server answers. */
  initialize(request: JSONRPCRequest, text: string, way: Omit<SendOptions, 'session'>): Promise<void> {
    const opening = this.#ready.then(async () => {
      await this.close();
      this.#current = await this.#open({ message: request, text }, way);
    });
    this.#ready = opening.catch(() => undefined);
    return opening;
  }

  /** Passes `notifications/initialized` on, after which the server may speak unasked. */
  initialized(outgoing: ClientMessage, way: Omit<SendOptions, 'session'>): Promise<void> {
    const sent = this.#ready.then(() => this.#post(outgoing, way));
    this.#ready = sent.catch(() => undefined);
    return sent;
  }

  /** Passes any other message on. */
  async send(outgoing: ClientMessage, way: Omit<SendOptions, 'session'>): Promise<void> {
    await this.#ready;
    await this.#post(outgoing, {
      ...way,
      onmessage: (message) => {
        this.#note(outgoing.message, message);
        way.onmessage(message);
      },
    });
  }

  get isOpen(): boolean {
    return this.#current?.id !== undefined;
  }

  async close(): Promise<void> {
    const session = this.#current;
    this.#life.abort();
    this.#life = new AbortController();
    this.#push?.abort();
    this.#push = undefined;
    this.#pushless = false;
    this.#current = undefined;
    this.#subscribed.clear();
    if (session?.id !== undefined) await this.#remote.terminate(session, AbortSignal.timeout(TERMINATE_MS));
  }

  async #open(outgoing: ClientMessage, way: Omit<SendOptions, 'session'>): Promise<Opened | undefined> {
    let answer: z.output<typeof initialized> | undefined;
    const id = await this.#remote.post(outgoing, {
      ...way,
      session: undefined,
      onmessage: (message) => {
        if (isJSONRPCResultResponse(message)) answer = initialized.safeParse(message.result).data;
        way.onmessage(message);
      },
    });
    if (answer === undefined) return undefined;
    const { protocolVersion, capabilities } = answer;
    const params = 'params' in outgoing.message ? outgoing.message.params : undefined;
    return { id, protocolVersion, params, listChanged: capabilities.resources?.listChanged ?? false };
  }

  async #post(outgoing: ClientMessage, way: Omit<SendOptions, 'session'>): Promise<void> {
    const session = this.#current;
    try {
      await this.#remote.post(outgoing, { ...way, session });
    } catch (error) {
      // Refused for its session, so it has not been looked at: it can be sent again.
      if (session === undefined || !isLost(this.#remote.failure(error), session)) throw error;
      await this.#reopen(session);
      await this.#remote.post(outgoing, { ...way, session: this.#current });
    }
    this.#follow();
  }

  #note(request: JSONRPCMessage, answer: JSONRPCMessage): void {
    if (!isJSONRPCRequest(request) || !isJSONRPCResultResponse(answer)) return;
    const uri = named.safeParse(request.params).data?.uri;
    if (uri === undefined) return;
    // The server bounds how many there are.
    if (request.method === 'resources/subscribe') this.#subscribed.add(uri);
    if (request.method === 'resources/unsubscribe') this.#subscribed.delete(uri);
  }

  /** Opens the session anew that the server has lost; once, however many messages find out. */
  async #reopen(lost: Opened): Promise<void> {
    if (this.#current !== lost) return this.#reopening;
    this.#reopening ??= this.#openAgain(lost).finally(() => {
      this.#reopening = undefined;
    });
    return this.#reopening;
  }

  async #openAgain(lost: Opened): Promise<void> {
    this.#push?.abort();
    this.#push = undefined;
    const way = { signal: this.#life.signal, onmessage: () => {} };
    const session = await this.#open(this.#own('initialize', lost.params), way);
    if (session?.protocolVersion !== lost.protocolVersion) {
      const sentence =
        'The session was lost, and the server no longer speaks its revision; start the client again.';
      throw brokenOff(sentence, 'session_lost');
    }
    try {
      const notification = { jsonrpc: '2.0', method: 'notifications/initialized' } as const;
      const outgoing = { message: notification, text: JSON.stringify(notification) };
      await this.#remote.post(outgoing, { ...way, session });
      for (const uri of [...this.#subscribed]) await this.#subscribeAgain(uri, session);
    } catch (error) {
      await this.#remote.terminate(session, AbortSignal.timeout(TERMINATE_MS));
      throw error;
    }
    if (this.#current !== lost) return this.#remote.terminate(session, AbortSignal.timeout(TERMINATE_MS));
    this.#current = session;
    this.#report.say('The server had ended the session; a new one was opened.');
    this.#follow();
    this.#tellMissed();
  }

  /** Subscribes in the new session, in the time that its limits allow; what it refuses is said, and given up. */
  async #subscribeAgain(uri: string, session: Opened): Promise<void> {
    const { signal } = this.#life;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      let refused: z.output<typeof refusal> | undefined;
      const onmessage = (message: JSONRPCMessage) => {
        refused = refusal.safeParse(message).data;
      };
      await this.#remote.post(this.#own('resources/subscribe', { uri }), { signal, onmessage, session });
      if (refused === undefined) return;
      const waitMs = refused.error.data?.retry_after_ms;
      if (waitMs === undefined) break;
      await delay(Math.min(waitMs, MAX_WAIT_MS), undefined, { signal });
    }
    this.#subscribed.delete(uri);
    this.#report.say(
      `The session was opened again, but without the subscription to ${uri}; subscribe to it again.`,
    );
  }

  #own(method: string, params: JSONRPCRequest['params']): ClientMessage {
    const id = `bulkhead-bridge-${++this.#reopened}`;
    const message: JSONRPCRequest = {
      jsonrpc: '2.0',
      id,
      method,
      ...(params === undefined ? {} : { params }),
    };
    return { message, text: JSON.stringify(message) };
  }

  /** What changed while nobody listened is not known: so everything may have. */
  #tellMissed(): void {
    for (const uri of this.#subscribed) this.#output.send(resourceUpdated(uri));
    if (this.#current?.listChanged) this.#output.send(listChanged('resources'));
  }

  /** Holds the stream of the session open, from now until it ends. */
  #follow(): void {
    const session = this.#current;
    if (session?.id === undefined || this.#push !== undefined || this.#pushless) return;
    const push = new AbortController();
    this.#push = push;
    void this.#keepFollowing(session, push.signal).then((failure) => {
      if (this.#push === push) this.#push = undefined;
      if (failure === undefined || push.signal.aborted) return;
      if (isLost(failure, session)) return this.#reopen(session).catch((error) => this.#tell(error));
      // Any other refusal of the stream alone is for good; one of the token, or of the network, ends with the next success.
      this.#pushless = !failure.passing && failure.status !== 401 && failure.status !== 403;
      if (failure.status !== 405) this.#tell(failure);
    });
  }

  #keepFollowing(session: Opened, signal: AbortSignal): Promise<Failure | undefined> {
    let lastEventId = '';
    let opened = 0;
    return keepOpen(async (alive) => {
      const failure = await this.#remote.follow(
        {
          session,
          signal,
          onmessage: (message) => {
            alive();
            this.#output.send(message);
          },
        },
        {
          lastEventId,
          onEventId: (id) => {
            alive();
            lastEventId = id;
          },
          onopen: () => {
            // Without an event to go on from, the server cannot tell what was missed.
            if (++opened > 1 && lastEventId === '') this.#tellMissed();
          },
        },
      );
      if (!signal.aborted && failure.passing) this.#report.say(`${failure.message} Connecting again.`);
      return failure;
    }, signal);
  }

  #tell(error: unknown): void {
    this.#report.say(this.#remote.failure(error).message);
  }
}

/** A session that the server does not know: 404, as an answer to its id. */
const isLost = (failure: Failure, session: Session) =>
  failure.status === 404 && !failure.answered && session.id !== undefined;
