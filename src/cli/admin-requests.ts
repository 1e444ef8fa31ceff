import * as z from 'zod';
import type { ServerAddress } from './server-address.ts';
import { CliError } from './terminal.ts';

const TIMEOUT_MS = 15_000;
const DOWNLOAD_TIMEOUT_MS = 600_000;

const problemSchema = z.object({ code: z.string(), detail: z.string() });

/**
 * Requests to the admin API.
 *
 * `request` throws a `CliError` when it does not succeed: with the server's own code and message, with `unreachable`,
 * or with `unexpected_answer` if something else than a Bulkhead server answers.
 */
export class AdminRequests {
  readonly #server: ServerAddress;
  readonly #headers: Readonly<Record<string, string>>;

  /** @param as who the operator says to be, for the records; nothing proves it */
  constructor(server: ServerAddress, key: string, as?: string) {
    this.#server = server;
    this.#headers = {
      Authorization: `Bearer ${key}`,
      ...(as === undefined ? {} : { 'Bulkhead-As': encodeURIComponent(as) }),
    };
  }

  async request<T>(method: string, path: string, schema: z.ZodType<T>, body?: object): Promise<T> {
    const { status, document } = await this.#send(method, path, body);
    if (status >= 200 && status < 300) {
      const answer = schema.safeParse(document);
      if (answer.success) return answer.data;
    }
    throw this.#failure(status, document);
  }

  /** A document that is sent as it is read. @returns its bytes */
  download(path: string): Promise<ReadableStream<Uint8Array>> {
    return this.#open(path, {}, AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS));
  }

  /** A stream of server-sent events, which has no end of its own. @param lastEventId where it resumes */
  events(path: string, lastEventId?: string): Promise<ReadableStream<Uint8Array>> {
    const resumes = lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId };
    return this.#open(path, { Accept: 'text/event-stream', ...resumes });
  }

  async #open(path: string, headers: Readonly<Record<string, string>>, signal?: AbortSignal) {
    const response = await this.#fetch(path, { headers: { ...this.#headers, ...headers } }, signal);
    if (response.ok && response.body !== null) return response.body;
    throw this.#failure(response.status, parseJson(await response.text()));
  }

  #failure(status: number, document: unknown): CliError {
    const problem = problemSchema.safeParse(document);
    if (status >= 400 && problem.success) return new CliError(problem.data.code, problem.data.detail);
    return new CliError(
      'unexpected_answer',
      `What answers at ${this.#server.url} is not a Bulkhead server (HTTP ${status}). ${this.#server.remedy}`,
    );
  }

  async #fetch(path: string, init: RequestInit, signal?: AbortSignal): Promise<Response> {
    try {
      return await fetch(`${this.#server.url}/admin${path}`, {
        ...init,
        redirect: 'manual',
        signal: signal ?? null,
      });
    } catch (error) {
      throw this.#unreachable(error);
    }
  }

  #unreachable(error: unknown): CliError {
    const late = error instanceof Error && error.name === 'TimeoutError';
    return new CliError(
      'unreachable',
      late
        ? `The server at ${this.#server.url} did not answer within ${TIMEOUT_MS / 1000} seconds. Try again, or restart it.`
        : `No server answers at ${this.#server.url}. ${this.#server.remedy}`,
    );
  }

  async #send(method: string, path: string, body: object | undefined) {
    const init: RequestInit = {
      method,
      headers: {
        ...this.#headers,
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    };
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await this.#fetch(path, init, signal);
    try {
      return { status: response.status, document: parseJson(await response.text()) };
    } catch (error) {
      throw this.#unreachable(error);
    }
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
