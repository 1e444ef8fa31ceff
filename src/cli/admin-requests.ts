import * as z from 'zod';
import type { ServerAddress } from './server-address.ts';
import { CliError } from './terminal.ts';

const TIMEOUT_MS = 15_000;

const problemSchema = z.object({ code: z.string(), detail: z.string() });

/**
 * Requests to the admin API.
 *
 * `request` throws a `CliError` when it does not succeed: with the server's own code and message, with `unreachable`,
 * or with `unexpected_answer` if something else than a Bulkhead server answers.
 */
export class AdminRequests {
  readonly #server: ServerAddress;
  readonly #key: string;

  constructor(server: ServerAddress, key: string) {
    this.#server = server;
    this.#key = key;
  }

  async request<T>(method: string, path: string, schema: z.ZodType<T>, body?: object): Promise<T> {
    const { status, document } = await this.#send(method, path, body);
    if (status >= 200 && status < 300) {
      const answer = schema.safeParse(document);
      if (answer.success) return answer.data;
    }
    const problem = problemSchema.safeParse(document);
    if (status >= 400 && problem.success) throw new CliError(problem.data.code, problem.data.detail);
    throw new CliError(
      'unexpected_answer',
      `What answers at ${this.#server.url} is not a Bulkhead server (HTTP ${status}). ${this.#server.remedy}`,
    );
  }

  async #send(method: string, path: string, body: object | undefined) {
    try {
      const response = await fetch(`${this.#server.url}/admin${path}`, {
        method,
        headers: {
          Authorization: `Bearer ${this.#key}`,
          ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        redirect: 'manual',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const text = await response.text();
      return { status: response.status, document: parseJson(text) };
    } catch (error) {
      const late = error instanceof Error && error.name === 'TimeoutError';
      throw new CliError(
        'unreachable',
        late
          ? `The server at ${this.#server.url} did not answer within ${TIMEOUT_MS / 1000} seconds. Try again, or restart it.`
          : `No server answers at ${this.#server.url}. ${this.#server.remedy}`,
      );
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
