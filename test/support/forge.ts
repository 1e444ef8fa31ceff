import { SignJWT } from 'jose';
import { TEST_SECRETS } from './secrets.ts';

/** Tokens that the server did not issue, or would not. */

const [KEY_ID = '', ENCODED = ''] = TEST_SECRETS.TOKEN_KEYS.split(':');
const SECRET = Uint8Array.from(atob(ENCODED), (char) => char.charCodeAt(0));

const base64url = (text: string) => btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');

interface Forgery {
  /** Claims over those of a good token; one that is undefined is left out. */
  claims?: Record<string, unknown>;
  header?: Record<string, unknown>;
  secret?: Uint8Array;
}

/** A token signed by the test server's key unless told otherwise, good for an hour. */
export function forge(tenant: string, tokenId: string, forgery: Forgery = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const claims = { sub: tenant, jti: tokenId, aud: 'https://mcp.test/mcp', iat: now, exp: now + 3600 };
  const all = Object.entries({ ...claims, ...forgery.claims }).filter(([, value]) => value !== undefined);
  return new SignJWT(Object.fromEntries(all))
    .setProtectedHeader({ alg: 'HS256', kid: KEY_ID, typ: 'JWT', ...forgery.header })
    .sign(forgery.secret ?? SECRET);
}

/** The token's header and claims under `alg: none`, without a signature. */
export function unsigned(token: string): string {
  const header = base64url(JSON.stringify({ alg: 'none', kid: KEY_ID, typ: 'JWT' }));
  return `${header}.${token.split('.')[1]}.`;
}

/** The token with one character of its signature changed, in a place whose bits all count. */
export function tampered(token: string): string {
  const at = token.lastIndexOf('.') + 1;
  const changed = token.charAt(at) === 'A' ? 'B' : 'A';
  return `${token.slice(0, at)}${changed}${token.slice(at + 1)}`;
}
