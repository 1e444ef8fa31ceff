import { configDirectory } from '../../files/user-directories.ts';
import { BridgeOptionsError, parseUrl } from '../options.ts';
import type { TokenSource } from '../tokens.ts';
import { AuthorizationServer } from './authorization-server.ts';
import { openBrowser } from './browser.ts';
import { SignedInTokens } from './signed-in-tokens.ts';
import { type SignIn, SignInStore } from './store.ts';

const USAGE_ERROR = 2;
/** How long forgetting a sign-in may wait for another process that signs in. */
const LOGOUT_MS = 10_000;

const tell = (sentence: string) => process.stderr.write(`bulkhead: ${sentence}\n`);

/**
 * The sign-in of the user of this process, with the browser and the configuration directory of this machine.
 * @throws BridgeOptionsError when the directory cannot be used
 */
export function tokensOfUser(url: URL): TokenSource {
  return new SignedInTokens({
    url,
    store: storeOfUser(url),
    showPage: (page) => {
      tell(`Sign in to ${url.origin} in the browser. If none opens, open this page: ${page.href}`);
      openBrowser(page, process.platform, process.env);
    },
    onNotKept: (reason) =>
      tell(`The sign-in to ${url.origin} could not be stored, so it ends with this process: ${reason}.`),
    onSignedIn: () => tell(`Signed in to ${url.origin}.`),
  });
}

/**
 * Forgets the sign-in at a URL, and ends on the server what it allows.
 * @returns the exit code: 0, or 2 after one line on stderr when the URL is invalid
 */
export async function runLogout(text: string): Promise<number> {
  try {
    const url = parseUrl(text);
    const store = storeOfUser(url);
    tell(await logOut(url, store));
    return 0;
  } catch (error) {
    if (!(error instanceof BridgeOptionsError)) throw error;
    tell(error.message);
    return USAGE_ERROR;
  }
}

async function logOut(url: URL, store: SignInStore): Promise<string> {
  const forgotten = await store.exclusively(AbortSignal.timeout(LOGOUT_MS), async () => {
    const stored = store.read();
    store.remove();
    return stored;
  });
  if (forgotten?.state !== 'signed_in') return `There is no sign-in to ${url.origin} to forget.`;
  if (await isRevoked(url, forgotten)) return `Signed out of ${url.origin}.`;
  return `The sign-in to ${url.origin} is forgotten here, but the server could not be told. Have its operator revoke it.`;
}

async function isRevoked(url: URL, signIn: SignIn): Promise<boolean> {
  try {
    const server = await AuthorizationServer.of(url, AbortSignal.timeout(LOGOUT_MS));
    return server.issuer === signIn.issuer && (await server.revoke(signIn));
  } catch {
    return false;
  }
}

function storeOfUser(url: URL): SignInStore {
  const directory = configDirectory(process.platform, process.env);
  try {
    return new SignInStore(directory, url);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new BridgeOptionsError(`The configuration directory ${directory} cannot be used: ${reason}.`);
  }
}
