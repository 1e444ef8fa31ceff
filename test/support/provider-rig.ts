import { afterEach, beforeAll, beforeEach, vi } from 'vitest';
import { FakeProvider, newSigner, OIDC_SETTINGS, type Signer } from './fake-openid.ts';
import { newTenantId, operate } from './http.ts';
import { Browser, type Fetch, HandClient, type ShownPage } from './oauth-person.ts';
import { addMember, ORIGIN } from './oauth-worker.ts';
import { serverWith } from './worker-with.ts';

/** Signing in at an OpenID provider, which is the test's own, inside workerd. */

export const ANN = { sub: 'user-1', email: 'ann@example.com', email_verified: true };

/** A tenant whose member has an account, under a name that no other test uses. */
export async function newAccount(account: Record<string, unknown> = {}) {
  const email = `ann-${crypto.randomUUID()}@example.com`;
  const tenant = newTenantId();
  await operate('POST', '/tenants', { id: tenant });
  const member = await addMember(tenant, { email, ...account });
  return { ...member, email, account: { ...ANN, email } };
}

export const linkOf = (page: ShownPage) =>
  new URL(page.links.find((link) => link.startsWith('/oauth/')) ?? '', ORIGIN);

interface AtProvider {
  readonly browser: Browser;
  readonly client: HandClient;
  readonly page: ShownPage;
  /** The provider's page, at which the browser is. */
  readonly location: string;
}

/** A provider, and the Worker that sends people to it. Both are new for each test. */
export class ProviderRig {
  readonly provider: FakeProvider;
  /** What the Worker has logged. */
  readonly logged: string[] = [];
  /** The Worker with a provider: one environment, so that what it caches lasts as long as a test. */
  here: Fetch;

  constructor(signer: Signer) {
    this.provider = new FakeProvider(signer);
    this.here = serverWith(OIDC_SETTINGS);
    vi.stubGlobal('fetch', (url: unknown, init?: RequestInit) => this.provider.answer(String(url), init));
    for (const level of ['log', 'warn', 'error'] as const)
      vi.spyOn(console, level).mockImplementation(
        (...line) => void this.logged.push(line.map(String).join(' ')),
      );
  }

  /** Another isolate, which has cached nothing. */
  restart(): void {
    this.here = serverWith(OIDC_SETTINGS);
  }

  async goToProvider(fetchHere = this.here): Promise<AtProvider> {
    const client = await HandClient.register(ORIGIN, fetchHere);
    const browser = new Browser(ORIGIN, fetchHere);
    const page = await browser.open(client.authorizeUrl());
    const sent = await browser.open(linkOf(page));
    return { browser, client, page, location: sent.headers.get('location') ?? '' };
  }

  /** The page that the browser comes back to after signing in under an account. */
  async signInAs(account: Record<string, unknown>) {
    const at = await this.goToProvider();
    const callback = this.provider.signIn(at.location, account);
    return { ...at, callback, back: await at.browser.open(callback) };
  }
}

/** Gives each test of a file a rig of its own. @returns the rig of the test that runs */
export function useProviderRig(): () => ProviderRig {
  let signer: Signer;
  let rig: ProviderRig;
  beforeAll(async () => {
    signer = await newSigner('k1');
  });
  beforeEach(() => {
    rig = new ProviderRig(signer);
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
    vi.useRealTimers();
  });
  return () => rig;
}
