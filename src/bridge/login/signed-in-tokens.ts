import { randomBytes } from 'node:crypto';
import { redactSecrets } from '../../telemetry/secrets.ts';
import { connectionFailure, signedOut, type TransportFailure } from '../failure.ts';
import type { TokenSource } from '../tokens.ts';
import { AuthorizationServer } from './authorization-server.ts';
import { AGAIN, isGrantEnded, refreshFailure, signInFailure } from './problems.ts';
import { RedirectListener } from './redirect-listener.ts';
import type { SignIn, SignInStore, StoredEntry } from './store.ts';

/** How long a page of the sign-in can be answered, and how long this waits for the answer. */
const SIGN_IN_MS = 600_000;

export interface SignInOptions {
  readonly url: URL;
  readonly store: SignInStore;
  /** Shows the person the page: in a browser, and its URL in writing. */
  readonly showPage: (url: URL) => void;
  readonly onSignedIn: () => void;
  /** The tokens are good, but could not be stored, so that only this process has them. */
  readonly onNotKept: (reason: string) => void;
  readonly now?: () => number;
}

/**
 * The tokens of a sign-in that all bridges of one user to one URL share.
 *
 * Guarantees: the person is asked at most once, and only until the server has taken a first token of this process; later the
 * bridge never opens a browser. Of several processes one signs in or refreshes at a time, and the others use what it has stored. An expired token is
 * renewed before it is sent. A refresh that the server or the network fails keeps the sign-in; only a grant that the server has
 * ended is forgotten.
 * Fails with `signed_out` when only a person can help, `sign_in_unavailable` when the server cannot renew the sign-in now.
 */
export class SignedInTokens implements TokenSource {
  readonly remedy: string;
  readonly #options: SignInOptions;
  readonly #now: () => number;
  readonly #closing = new AbortController();
  #known: SignIn | undefined;
  /** One at a time in this process, however many requests wait for it. */
  #pending: Promise<SignIn> | undefined;
  #mayAsk = true;
  /** The sign-in has failed: asking again needs a restart. */
  #failed: TransportFailure | undefined;

  constructor(options: SignInOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.remedy = `Forget this sign-in with \`bulkhead stdio --url ${options.url.href} --logout\`, then restart this client to sign in again.`;
  }

  async current(): Promise<string> {
    const known = this.#known ?? this.#stored();
    if (known !== undefined && this.#isFresh(known)) return this.#use(known);
    return this.#use(await this.#obtain(undefined));
  }

  async replace(refused: string): Promise<string> {
    if (this.#known !== undefined && this.#known.access_token !== refused) return this.current();
    return this.#use(await this.#obtain(refused));
  }

  accepted(): void {
    this.#mayAsk = false;
  }

  hide(text: string): string {
    const tokens = [this.#known?.access_token, this.#known?.refresh_token];
    const shown = tokens.reduce<string>((rest, token) => (token ? rest.replaceAll(token, '…') : rest), text);
    return redactSecrets(shown).text;
  }

  close(): void {
    this.#closing.abort(connectionFailure('The bridge has ended.', 'closed'));
  }

  #stored(): SignIn | undefined {
    const stored = this.#options.store.read();
    return stored?.state === 'signed_in' ? stored : undefined;
  }

  #isFresh = ({ renew_at }: SignIn) => renew_at === null || this.#now() < renew_at;

  #use(signIn: SignIn): string {
    this.#known = signIn;
    return signIn.access_token;
  }

  /** @param refused an access token that the server did not accept */
  #obtain(refused: string | undefined): Promise<SignIn> {
    if (this.#failed !== undefined) return Promise.reject(this.#failed);
    const { store } = this.#options;
    const since = this.#now();
    this.#pending ??= store
      .exclusively(this.#closing.signal, () => this.#renewOrSignIn(refused, since))
      .finally(() => {
        this.#pending = undefined;
      });
    return this.#pending;
  }

  /** @param since when this process began to wait: a sign-in that failed afterwards was this one's as well */
  async #renewOrSignIn(refused: string | undefined, since: number): Promise<SignIn> {
    const { store, url } = this.#options;
    const stored = store.read();
    if (stored?.state === 'signed_in') {
      if (stored.access_token !== refused && this.#isFresh(stored)) return stored;
      const renewed = await this.#refresh(stored);
      if (renewed !== undefined) return renewed;
      store.remove();
    }
    if (!this.#mayAsk) throw signedOut(`The sign-in to ${url.origin} has ended. ${AGAIN}`);
    if (stored?.state === 'failed' && stored.at >= since) throw this.#fail(signedOut(stored.reason));
    return this.#signIn();
  }

  /** @returns undefined when the grant has ended */
  async #refresh({ client, issuer, refresh_token }: SignIn): Promise<SignIn | undefined> {
    const { url } = this.#options;
    if (refresh_token === undefined) return undefined;
    try {
      const server = await AuthorizationServer.of(url, this.#closing.signal);
      // The refresh token is shown to nobody but who gave it.
      if (server.issuer !== issuer) return undefined;
      const renewed = await server.refresh(client, refresh_token, this.#now());
      this.#keep(renewed);
      return renewed;
    } catch (error) {
      if (isGrantEnded(error)) return undefined;
      throw refreshFailure(error, url);
    }
  }

  async #signIn(): Promise<SignIn> {
    const { url, onSignedIn } = this.#options;
    const listener = await RedirectListener.open();
    try {
      const signIn = await this.#ask(listener);
      this.#keep(signIn);
      onSignedIn();
      return signIn;
    } catch (error) {
      const failure = signInFailure(error, url);
      // Before the person was asked, the next request may try again.
      if (this.#mayAsk || this.#closing.signal.aborted) throw failure;
      this.#keep({ state: 'failed', url: url.href, at: this.#now(), reason: failure.message });
      throw this.#fail(failure);
    } finally {
      listener.close();
    }
  }

  async #ask(listener: RedirectListener): Promise<SignIn> {
    const { url, showPage } = this.#options;
    const { signal } = this.#closing;
    const server = await AuthorizationServer.of(url, signal);
    const state = randomBytes(32).toString('base64url');
    const started = await server.start(listener.redirectUri, state);
    const answer = listener.answerTo(state);
    this.#mayAsk = false;
    showPage(started.authorizationUrl);
    const { parameters, show } = await withinTime(answer, url, signal);
    try {
      const signIn = await server.redeem(started, parameters, this.#now());
      show(true);
      return signIn;
    } catch (error) {
      show(false);
      throw error;
    }
  }

  /** A full disk takes no tokens away from this process. */
  #keep(entry: StoredEntry): void {
    try {
      this.#options.store.write(entry);
    } catch (error) {
      this.#options.onNotKept(error instanceof Error ? error.message : String(error));
    }
  }

  #fail(failure: TransportFailure): TransportFailure {
    this.#failed = failure;
    return failure;
  }
}

async function withinTime<T>(answer: Promise<T>, url: URL, signal: AbortSignal): Promise<T> {
  const ended = new AbortController();
  const tooLate = signedOut(
    `Nobody signed in to ${url.origin} within ${SIGN_IN_MS / 60_000} minutes. ${AGAIN}`,
  );
  const timer = setTimeout(() => ended.abort(tooLate), SIGN_IN_MS);
  const stop = AbortSignal.any([ended.signal, signal]);
  const stopped = new Promise<never>((_, reject) => {
    stop.addEventListener('abort', () => reject(stop.reason), { once: true });
  });
  try {
    return await Promise.race([answer, stopped]);
  } finally {
    clearTimeout(timer);
  }
}
