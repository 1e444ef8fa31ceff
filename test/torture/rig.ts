import { join } from 'node:path';
import { postRequest } from '../bench/connection.ts';
import { callBody, mcpHeaders } from '../bench/requests.ts';
import { createTenant, issueToken, operate, ourSource, SECRETS, UNLIMITED } from '../bench/servers.ts';
import { type BuiltWorker, buildWorker, type RunningWorker, runWorker } from '../bench/workerd.ts';
import type { Random } from './random.ts';

export { createTenant, issueToken, operate, UNLIMITED };

/** What a scenario is given. */
export interface Torture {
  readonly rig: Rig;
  readonly random: Random;
  /** Fewer repetitions. */
  readonly isShort: boolean;
  /** A folder of the scenario's own. */
  readonly directory: string;
}

/** Starts the Worker on workerd alone, and ends what it started. */
export class Rig {
  readonly #directory: string;
  #built: BuiltWorker | undefined;
  readonly #running: RunningWorker[] = [];

  constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * @param vars replace settings of the configuration
   * @param storage the folder of its databases. Default: a new one
   */
  async start(
    vars: Readonly<Record<string, string>> = {},
    storage = join(this.#directory, `storage-${this.#running.length}`),
  ): Promise<RunningWorker> {
    this.#built ??= buildWorker(ourSource('bulkhead'), this.#directory);
    const started = await runWorker(this.#built, {
      storage,
      vars: { ...SECRETS, PUBLIC_URL: 'http://127.0.0.1', ...vars },
    });
    this.#running.push(started);
    return started;
  }

  async stop(): Promise<void> {
    for (const running of this.#running.splice(0)) await running.stop();
  }
}

const ERA = '2025-11-25';

/** How a call of a tool was answered. */
export interface Called {
  readonly status: number;
  /** The structured content of a success. */
  readonly answer: Readonly<Record<string, unknown>> | undefined;
  /** The error of a call that was admitted and failed. */
  readonly error: { readonly code: string; readonly retry_after_ms?: number } | undefined;
  readonly retryAfterMs: number | undefined;
}

/** The face of one token of a tenant. */
export class Agent {
  readonly origin: string;
  readonly token: string;

  constructor(origin: string, token: string) {
    this.origin = origin;
    this.token = token;
  }

  headers(tool = ''): Record<string, string> {
    return { ...mcpHeaders(ERA, tool), authorization: `Bearer ${this.token}` };
  }

  /** The bytes of a call, for a `Connection`. */
  bytes(tool: string, args: object): Buffer {
    return postRequest(`${this.origin}/mcp`, this.headers(tool), callBody(ERA, tool, args));
  }

  async call(tool: string, args: object): Promise<Called> {
    const response = await fetch(`${this.origin}/mcp`, {
      method: 'POST',
      headers: this.headers(tool),
      body: callBody(ERA, tool, args),
    });
    const text = await response.text();
    const { result } = response.ok ? JSON.parse(text) : { result: undefined };
    const error = result?.isError ? result.structuredContent?.error : undefined;
    const seconds = response.headers.get('retry-after');
    return {
      status: response.status,
      answer: result?.isError ? undefined : result?.structuredContent,
      error,
      retryAfterMs: error?.retry_after_ms ?? (seconds === null ? undefined : 1000 * Number(seconds)),
    };
  }

  /** The answer of a call that must succeed. */
  async ok(tool: string, args: object): Promise<Readonly<Record<string, unknown>>> {
    const { answer, status, error } = await this.call(tool, args);
    if (answer === undefined) throw new Error(`${tool}: ${status} ${JSON.stringify(error)}`);
    return answer;
  }
}

/** An agent of a new tenant. */
export async function newAgent(worker: RunningWorker, tenant: string): Promise<Agent> {
  return new Agent(worker.origin, await createTenant(worker.origin, tenant));
}
