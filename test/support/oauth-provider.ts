import type { Browser } from './oauth-person.ts';

/** What the SDKs' clients keep for the sign-in, with a person who is a program: it reads the form and allows all that is asked. */

interface Information {
  client_id: string;
  client_secret?: string;
  [member: string]: unknown;
}
interface Kept {
  access_token: string;
  token_type: string;
  refresh_token?: string;
  [member: string]: unknown;
}

export const CALLBACK = 'http://127.0.0.1:43118/callback';

export class PersonProvider {
  readonly redirectUrl: string;
  readonly clientMetadata: {
    redirect_uris: string[];
    client_name: string;
    token_endpoint_auth_method: string;
    grant_types: string[];
    response_types: string[];
  };
  client: Information | undefined;
  /** What the person allows; undefined for all that is asked. */
  allows: string[] | undefined;
  kept: Kept | undefined;
  /** Where the person was sent back to, newest last. */
  readonly answers: URLSearchParams[] = [];
  /** The client ids that it was given. */
  readonly ids = new Set<string>();
  readonly #browser: Browser;
  readonly #key: string;
  #verifier = '';

  constructor(browser: Browser, key: string, redirectUrl = CALLBACK) {
    this.#browser = browser;
    this.#key = key;
    this.redirectUrl = redirectUrl;
    this.clientMetadata = {
      redirect_uris: [redirectUrl],
      client_name: 'SDK client',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
    };
  }

  clientInformation(): Information | undefined {
    return this.client;
  }

  saveClientInformation(client: Information): void {
    this.ids.add(client.client_id);
    this.client = client;
  }

  tokens(): Kept | undefined {
    return this.kept;
  }

  saveTokens(tokens: Kept): void {
    this.kept = tokens;
  }

  async redirectToAuthorization(url: URL): Promise<void> {
    const asked = await this.#browser.open(url);
    const consent = asked.values('key').length > 0 ? await this.#browser.signIn(asked, this.#key) : asked;
    const done = await this.#browser.allow(consent, this.allows);
    if (done.goesTo === undefined) throw new Error(`the person got stuck: ${done.text}`);
    this.answers.push(done.goesTo.searchParams);
  }

  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier;
  }

  codeVerifier(): string {
    return this.#verifier;
  }

  invalidateCredentials(scope: string): void {
    if (scope === 'all' || scope === 'client') this.client = undefined;
    if (scope === 'all' || scope === 'tokens') this.kept = undefined;
  }

  /** The code of the newest answer, and who gave it. */
  get code(): string {
    return this.answers.at(-1)?.get('code') ?? '';
  }

  get issuer(): string | undefined {
    return this.answers.at(-1)?.get('iss') ?? undefined;
  }
}
