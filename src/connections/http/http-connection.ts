import type * as z from 'zod';
import type { ConnectionUse, HttpTarget } from '../../tenant/contract/connection.ts';
import type { HttpConnection, HttpInit, HttpResponse } from '../../tools/connection.ts';
import { Turns } from '../turns.ts';
import { redirected, refusedBy, tooLarge, unavailable, unexpectedForm, wrongPath } from './faults.ts';
import { requestHeaders } from './headers.ts';
import { urlBelow } from './path.ts';
import type { HttpPlatform } from './platform.ts';
import { isTransient, nextAttemptIn } from './retry.ts';
import { MAX_RESPONSE_BYTES, MAX_RESPONSE_PARTS, type Sent, sendOnce } from './send-once.ts';

/** How long a request may take with its repetitions, and one attempt, in milliseconds. */
export const DEADLINE_MS = 30_000;
export const ATTEMPT_MS = 15_000;
/** An attempt that takes this long counts as failed for the breaker, whatever its answer. */
export const SLOW_MS = 8000;
/** Attempts of one call, and how many requests run at once. */
export const MAX_REQUESTS = 50;
export const MAX_AT_ONCE = 4;
export const MAX_REQUEST_BYTES = 1024 * 1024;
/** When to come again to a service that does not say. */
const RETRY_LATER_MS = 5000;

export interface HttpOptions {
  readonly name: string;
  readonly target: HttpTarget;
  readonly platform: HttpPlatform;
  /** Aborts when the call ends. */
  readonly signal: AbortSignal;
  readonly traceparent: string;
  /** @throws ToolError when the connection cannot be used by this call */
  readonly secret: () => Promise<string>;
  /**
   * Another secret after the service has not accepted one; undefined for a connection that has one only.
   * @returns undefined when there is none
   */
  readonly another?: ((refused: string) => Promise<string | undefined>) | undefined;
}

interface Attempts {
  readonly sent: Sent;
  readonly retryAfterMs: number;
}

interface Prepared {
  readonly url: string;
  readonly method: string;
  readonly init: RequestInit;
  readonly secret: string;
  readonly signal: AbortSignal;
}

/**
 * One HTTP service of a tenant, for one call.
 *
 * Guarantees: every request goes below the URL of the connection, whatever the tool asks for; no redirect is followed; the
 * secret is in the request only. A response is read while it is counted. Work is bounded in requests, bytes and time.
 */
export class BoundHttpConnection implements HttpConnection {
  readonly #options: HttpOptions;
  readonly #turns = new Turns(MAX_AT_ONCE);
  #sent = 0;
  #succeeded = 0;
  #failed = 0;

  constructor(options: HttpOptions) {
    this.#options = options;
  }

  /** What became of the requests so far. */
  get use(): ConnectionUse {
    return { name: this.#options.name, succeeded: this.#succeeded, failed: this.#failed };
  }

  fetch(path: string, init: HttpInit = {}): Promise<HttpResponse> {
    return mayBeDropped(this.#fetch(path, init));
  }

  json<Schema extends z.ZodType>(
    schema: Schema,
    path: string,
    init: HttpInit = {},
  ): Promise<z.output<Schema>> {
    return mayBeDropped(this.#json(schema, path, init));
  }

  async #fetch(path: string, init: HttpInit): Promise<HttpResponse> {
    const { name, platform, signal, secret } = this.#options;
    const url = this.#urlOf(path, init);
    const opened = await secret();
    const overall = AbortSignal.any([signal, platform.timeout(DEADLINE_MS)]);
    const request = this.#prepare(url, init, opened, overall);
    return this.#turns.take(async () => {
      const deadline = platform.clock() + DEADLINE_MS;
      const { sent, retryAfterMs } = await this.#accepted(request, init, deadline);
      switch (sent.kind) {
        case 'answered':
          // A service that says when to come again is waited for by the caller.
          if (sent.response.status !== 429 && sent.retryAfterMs === undefined) return sent.response;
          if (!isTransient(sent.response.status)) return sent.response;
          throw unavailable(name, 'asks to be called later', retryAfterMs);
        case 'redirected':
          throw redirected(name);
        case 'too_large':
          throw tooLarge(
            `The answer of ${name} is larger than 2 MiB, or arrives in more than ${MAX_RESPONSE_PARTS} parts.`,
            MAX_RESPONSE_BYTES,
          );
        case 'failed':
          throw unavailable(name, 'cannot be reached, or takes too long', retryAfterMs);
      }
    });
  }

  async #json<Schema extends z.ZodType>(
    schema: Schema,
    path: string,
    init: HttpInit,
  ): Promise<z.output<Schema>> {
    const { name } = this.#options;
    const headers = { accept: 'application/json', ...init.headers };
    const response = await this.#fetch(path, { ...init, headers });
    if (!response.ok) throw refusedBy(name, response.status, RETRY_LATER_MS);
    const parsed = schema.safeParse(parseJson(response.text));
    if (parsed.success) return parsed.data;
    throw unexpectedForm(name);
  }

  #urlOf(path: string, { query = {} }: HttpInit): string {
    const { name, target } = this.#options;
    const url = urlBelow(target.url, path);
    if (!(url instanceof URL)) throw wrongPath(name, url.problem);
    for (const [key, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.append(key, String(value));
    return url.href;
  }

  #prepare(url: string, init: HttpInit, secret: string, signal: AbortSignal): Prepared {
    const { name, target, traceparent } = this.#options;
    const { method = 'GET', json, text } = init;
    const body = json === undefined ? text : JSON.stringify(json);
    if (body !== undefined && new TextEncoder().encode(body).byteLength > MAX_REQUEST_BYTES)
      throw tooLarge(`A request to ${name} is larger than 1 MiB.`, MAX_REQUEST_BYTES);
    const type = json === undefined ? {} : { 'content-type': 'application/json' };
    const headers = requestHeaders(
      { ...type, ...init.headers },
      { header: target.header, secret, traceparent },
    );
    return {
      url,
      method,
      secret,
      signal,
      init: { method, headers, ...(body === undefined ? {} : { body }) },
    };
  }

  /** Sends the request again, once and with another secret, if the service does not accept the one that it had. */
  async #accepted(request: Prepared, init: HttpInit, deadline: number): Promise<Attempts> {
    const first = await this.#attempts(request, deadline);
    const isRefused = first.sent.kind === 'answered' && first.sent.response.status === 401;
    if (!isRefused) return first;
    const another = await this.#options.another?.(request.secret);
    if (another === undefined) return first;
    return this.#attempts(this.#prepare(request.url, init, another, request.signal), deadline);
  }

  /** Repeats what can be repeated. @returns the last attempt, and when the caller can come again */
  async #attempts(request: Prepared, deadline: number): Promise<Attempts> {
    const { platform } = this.#options;
    for (let attempts = 1; ; attempts++) {
      const sent = await this.#attempt(request);
      const isFinal = sent.kind === 'answered' ? !isTransient(sent.response.status) : sent.kind !== 'failed';
      const asked = sent.kind === 'answered' ? sent.retryAfterMs : undefined;
      const wait = isFinal
        ? undefined
        : nextAttemptIn({ method: request.method, attempts, retryAfterMs: asked }, platform.random);
      const isOver = request.signal.aborted || wait === undefined || platform.clock() + wait >= deadline;
      if (isOver) return { sent, retryAfterMs: asked ?? RETRY_LATER_MS };
      await platform.wait(wait, request.signal);
    }
  }

  /** Sends the request once, and counts how that went. */
  async #attempt({ url, init, secret, signal }: Prepared): Promise<Sent> {
    const { name, platform, signal: ofCall } = this.#options;
    if (++this.#sent > MAX_REQUESTS)
      throw tooLarge(`The tool sends more than ${MAX_REQUESTS} requests to ${name}.`, MAX_REQUESTS);
    const startedAt = platform.clock();
    const attemptSignal = AbortSignal.any([signal, platform.timeout(ATTEMPT_MS)]);
    const sent = await sendOnce(platform, url, { ...init, signal: attemptSignal }, secret);
    // A client that has left says nothing about the service.
    if (ofCall.aborted) return sent;
    const isSlow = platform.clock() - startedAt >= SLOW_MS;
    const hasFailed =
      sent.kind === 'failed' || (sent.kind === 'answered' && sent.response.status >= 500) || isSlow;
    if (hasFailed) this.#failed++;
    else this.#succeeded++;
    return sent;
  }
}

/** A promise that a tool does not wait for may fail, at the latest when the call ends; in Node that would end the process. */
function mayBeDropped<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
