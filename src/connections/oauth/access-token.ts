import type {
  OAuthClient,
  StoredToken,
  TokenLease,
  TokenSettlement,
} from '../../tenant/contract/access-token.ts';
import type { StoredSecret } from '../../tenant/contract/connection.ts';
import { refusedCredential, unavailable } from '../http/faults.ts';
import { SLOW_MS } from '../http/http-connection.ts';
import type { HttpPlatform } from '../http/platform.ts';
import { type Credential, credentialText, parseCredential } from './credential.ts';
import { requestAccessToken, type TokenAnswer } from './token-endpoint.ts';

/**
 * The access token of one connection, for one call.
 *
 * Guarantees: a token is shared by all calls of the tenant until shortly before its end, and one call at a time renews it. A
 * new refresh token is stored, encrypted, in the same statement as the access token that came with it, before either is used;
 * the old one stays stored until then. A renewal is not cancelled with the call that began it, because its answer may hold the
 * only copy of a refresh token. What is lost all the same, when a process ends between the answer and the statement, is reported
 * to the operator as such.
 */

/** Where a tenant keeps its access tokens. */
export interface AccessTokens {
  /** @param not the id of a token that the service has refused */
  request(connection: string, not: string | undefined): Promise<TokenLease>;
  /** @returns false if the renewal counts no longer */
  settle(connection: string, settlement: TokenSettlement): Promise<boolean>;
  /** Lets work finish although its call has ended. */
  keepAlive(work: Promise<unknown>): void;
}

/** Of a place whose connections have none. */
export const NO_ACCESS_TOKENS: AccessTokens = {
  request: async () => ({ kind: 'gone' }),
  settle: async () => false,
  keepAlive: () => undefined,
};

export interface AccessTokenOptions {
  readonly name: string;
  readonly client: OAuthClient;
  /** The token that came with the call. */
  readonly token: StoredToken | undefined;
  readonly platform: HttpPlatform;
  readonly tokens: AccessTokens;
  /** Aborts when the call ends. */
  readonly signal: AbortSignal;
  /** @returns undefined when no key opens it */
  open(stored: StoredSecret, what: 'secret' | 'token'): Promise<string | undefined>;
  /** Encrypts a text as `like` is. */
  seal(text: string, what: 'secret' | 'token', like: StoredSecret): Promise<StoredSecret>;
  /** @returns what is thrown when nothing opens */
  notOpened(): Error;
}

/** How often, and after how many milliseconds at first, a call asks whether another has renewed the token. */
const MAX_POLLS = 20;
const FIRST_POLL_MS = 100;
const MAX_POLL_MS = 1000;
const SETTLE_ATTEMPTS = 3;
const SETTLE_AGAIN_MS = 300;
/** When to come again to a token endpoint that does not say. */
const RETRY_LATER_MS = 5000;
/** A token is not used in the last tenth of its life, or the last minute. */
const EARLY_MS = 60_000;
const EARLY_SHARE = 0.1;

interface Opened {
  readonly id: string;
  readonly value: string;
}

export class AccessTokenSource {
  readonly #options: AccessTokenOptions;
  #current: Promise<Opened> | undefined;
  #failures = 0;

  constructor(options: AccessTokenOptions) {
    this.#options = options;
  }

  /** The requests for tokens that failed or were slow. */
  get failures(): number {
    return this.#failures;
  }

  /** @throws ToolError */
  async header(): Promise<string> {
    this.#current ??= this.#first();
    return headerOf(await this.#current);
  }

  /**
   * Another token than the one of `refused`, which the service does not accept.
   * @returns undefined when there is none yet that could help
   * @throws ToolError
   */
  async another(refused: string): Promise<string | undefined> {
    const current = await (this.#current ?? this.#first());
    // Another request of this call has renewed it.
    if (headerOf(current) !== refused) return headerOf(current);
    const renewing = this.#obtain(current.id);
    this.#current = renewing;
    const renewed = await renewing;
    return renewed.id === current.id ? undefined : headerOf(renewed);
  }

  async #first(): Promise<Opened> {
    const { token, platform } = this.#options;
    if (token === undefined || platform.clock() >= token.expiresAt) return this.#obtain(undefined);
    const value = await this.#options.open(token.value, 'token');
    return value === undefined ? this.#obtain(token.id) : { id: token.id, value };
  }

  async #obtain(not: string | undefined): Promise<Opened> {
    const { name, tokens, platform, signal } = this.#options;
    for (let polls = 0; polls < MAX_POLLS && !signal.aborted; polls++) {
      const lease = await this.#request(not);
      switch (lease.kind) {
        case 'token':
          return this.#opened(lease.token);
        case 'leased': {
          const renewal = this.#renew(lease);
          tokens.keepAlive(renewal.catch(() => undefined));
          return renewal;
        }
        case 'refused':
          throw refusedCredential(name, lease.error, false);
        case 'gone':
          throw this.#options.notOpened();
        case 'wait':
          await platform.wait(Math.min(FIRST_POLL_MS * 2 ** polls, MAX_POLL_MS), signal);
      }
    }
    throw unavailable(name, 'waits for an access token', RETRY_LATER_MS);
  }

  /** @throws ToolError when the tenant cannot be reached */
  async #request(not: string | undefined): Promise<TokenLease> {
    const { name, tokens } = this.#options;
    try {
      return await tokens.request(name, not);
    } catch {
      throw unavailable(name, 'has no access token now', RETRY_LATER_MS);
    }
  }

  async #opened({ id, value }: StoredToken): Promise<Opened> {
    const opened = await this.#options.open(value, 'token');
    if (opened === undefined) throw this.#options.notOpened();
    return { id, value: opened };
  }

  async #renew({ lease, secret, isAfterLoss }: Extract<TokenLease, { kind: 'leased' }>): Promise<Opened> {
    const { name, client, platform, open, notOpened } = this.#options;
    const credential = parseCredential((await open(secret, 'secret')) ?? '');
    if (credential === undefined) {
      await this.#settle({ lease });
      throw notOpened();
    }
    const startedAt = platform.clock();
    const answer = await requestAccessToken(platform, client, credential);
    if (answer.kind === 'failed' || platform.clock() - startedAt >= SLOW_MS) this.#failures++;
    switch (answer.kind) {
      case 'token':
        return this.#store(lease, answer, { credential, secret, startedAt });
      case 'refused':
        await this.#settle({ lease, refused: answer.error });
        throw refusedCredential(name, answer.error, isAfterLoss);
      case 'failed': {
        await this.#settle({ lease });
        const why = 'gives no access token: its token endpoint has failed';
        throw unavailable(name, why, answer.retryAfterMs ?? RETRY_LATER_MS);
      }
    }
  }

  async #store(
    lease: string,
    { token, lifeMs, refresh }: Extract<TokenAnswer, { kind: 'token' }>,
    { credential, secret, startedAt }: { credential: Credential; secret: StoredSecret; startedAt: number },
  ): Promise<Opened> {
    const { name, seal } = this.#options;
    const isNew = refresh !== undefined && credential.refresh !== undefined && refresh !== credential.refresh;
    const isStored = await this.#settle({
      lease,
      token: {
        value: await seal(token, 'token', secret),
        obtainedAt: startedAt,
        expiresAt: startedAt + lifeMs - Math.min(EARLY_MS, lifeMs * EARLY_SHARE),
      },
      ...(isNew ? { secret: await seal(credentialText({ ...credential, refresh }), 'secret', secret) } : {}),
    });
    if (isStored) return { id: lease, value: token };
    throw unavailable(name, 'was changed while its access token was renewed', RETRY_LATER_MS);
  }

  /** Repeated, because a refresh token that is not stored is lost. */
  async #settle(settlement: TokenSettlement): Promise<boolean> {
    const { name, tokens, platform } = this.#options;
    for (let attempts = 1; ; attempts++) {
      try {
        return await tokens.settle(name, settlement);
      } catch {
        if (attempts >= SETTLE_ATTEMPTS) return false;
        await platform.wait(SETTLE_AGAIN_MS * attempts, new AbortController().signal);
      }
    }
  }
}

const headerOf = ({ value }: Opened) => `Bearer ${value}`;
