/**
 * Asks the cache before a model, and stores what the model answered. The part that the wrappers beside it share.
 *
 * Guarantees: of callers that ask the same question at once, one gets a lease and calls the model; the others wait for its answer.
 * It fails open: when the cache is down, slow, full or refuses the call, the answer is "ask the model", and nothing is thrown.
 * Bounded: a lookup takes at most `timeoutMs`, or `waitS` and `timeoutMs` more while another caller holds the lease.
 */
export interface CacheOptions {
  /** The server, such as `https://mcp.example.com`. */
  readonly url: string;
  /** A token with the scopes `cache:read` and `cache:write`. All that use the same tenant and namespace share answers. */
  readonly token: string;
  readonly namespace?: string;
  /** How long the cache may take for a call that does not wait. Default: 1,500 ms. */
  readonly timeoutMs?: number;
  /** How long to wait for the answer of another caller. At most 25 s, which is the default. */
  readonly waitS?: number;
  /** Keeps the process alive until a stored answer has been sent: `ctx.waitUntil` of Cloudflare Workers and its like. */
  readonly waitUntil?: (sending: Promise<void>) => void;
}

export interface Question {
  readonly provider: string;
  readonly model: string;
  /** The input as it is sent: a list of messages, or one text. */
  readonly input: readonly unknown[] | string;
  /** Everything else that is sent. What does not influence the answer is ignored by the cache. */
  readonly params: Readonly<Record<string, unknown>>;
}

export type Lookup =
  | { readonly kind: 'answer'; readonly response: unknown }
  /** Ask the model. `settle` sends its answer to the cache; undefined if there is none, which frees the lease at once. */
  | { readonly kind: 'ask'; readonly settle: (response: unknown) => void };

/** A model that takes longer than this has lost its lease, and another caller asks. */
const LEASE_S = 120;
const DEFAULT_TIMEOUT_MS = 1500;
const MAX_WAIT_S = 25;
const ASK: Lookup = { kind: 'ask', settle: () => undefined };

type Fields = Readonly<Record<string, unknown>>;

export class CacheClient {
  readonly #options: CacheOptions;
  readonly #timeoutMs: number;

  constructor(options: CacheOptions) {
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  }

  async lookUp({ provider, model, input, params }: Question): Promise<Lookup> {
    const { namespace, waitS = MAX_WAIT_S } = this.#options;
    const question = {
      provider,
      model,
      ...(typeof input === 'string' ? { prompt: input } : { messages: input }),
      params,
      ...(namespace !== undefined && { namespace }),
      lease_s: LEASE_S,
    };
    const first = await this.#call('cache_get', question, this.#timeoutMs);
    const found =
      first?.status === 'pending' && waitS > 0
        ? await this.#call('cache_get', { ...question, wait_s: waitS }, waitS * 1000 + this.#timeoutMs)
        : first;
    if (found?.status === 'hit') return { kind: 'answer', response: found.response };
    return found === undefined ? ASK : { kind: 'ask', settle: this.#settler(found) };
  }

  #settler({ key, lease_id }: Fields): (response: unknown) => void {
    return (response) => {
      // An empty response is rejected, and ends the lease: the next caller need not wait for it to run out.
      if (response === undefined && lease_id === undefined) return;
      const stored = this.#call('cache_set', { key, lease_id, response: response ?? '' }, this.#timeoutMs);
      this.#options.waitUntil?.(stored.then(() => undefined));
    };
  }

  /** @returns undefined unless the call succeeded in time */
  async #call(tool: string, args: Fields, timeoutMs: number): Promise<Fields | undefined> {
    try {
      const response = await fetch(new URL(`/v1/tools/${tool}`, this.#options.url), {
        method: 'POST',
        headers: { authorization: `Bearer ${this.#options.token}`, 'content-type': 'application/json' },
        body: JSON.stringify(args, bytesAsText),
        signal: AbortSignal.timeout(timeoutMs),
        redirect: 'error',
      });
      const answer: unknown = await response.json();
      const isAnswer = response.ok && typeof answer === 'object' && answer !== null && 'status' in answer;
      // A call that waited reports an error in its body, with a numeric status.
      return isAnswer && typeof answer.status === 'string' ? { ...answer } : undefined;
    } catch {
      return undefined;
    }
  }
}

const bytesAsText = (_: string, value: unknown) =>
  value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
