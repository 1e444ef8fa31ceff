import { isLoopback } from '../http/host.ts';

/** Where a client may be sent back to (OAuth 2.1, section 2.3; RFC 8252, section 7). */

export const MAX_REDIRECT_URIS = 16;
export const MAX_REDIRECT_URI_CHARS = 512;

/** What a redirect URI leads to, as a person can judge it. */
export type RedirectTarget =
  | { readonly kind: 'web'; readonly host: string }
  /** A program on the machine of the browser: whichever listens there. */
  | { readonly kind: 'loopback'; readonly host: string }
  /** An application that has a scheme of its own. */
  | { readonly kind: 'app'; readonly host: string };

/** @param privateUse the redirect URIs with a scheme of their own that the operator accepts */
export function targetOf(uri: string, privateUse: readonly string[]): RedirectTarget | undefined {
  // Spelled as it will be sent back: no URL parser between client and server may read another host in it.
  if (uri.length > MAX_REDIRECT_URI_CHARS || !/^[\x21-\x7e]+$/.test(uri) || /[\\#]/.test(uri))
    return undefined;
  if (!URL.canParse(uri)) return undefined;
  const { protocol, hostname, host, username, password } = new URL(uri);
  if (username !== '' || password !== '') return undefined;
  if (protocol === 'https:' && /^https:\/\/[^/]/i.test(uri) && !isLoopback(hostname))
    return { kind: 'web', host };
  if (/^https?:\/\/[^/]/i.test(uri) && isLoopback(hostname)) return { kind: 'loopback', host: hostname };
  return privateUse.includes(uri) ? { kind: 'app', host: protocol } : undefined;
}

/** Whether a client that has registered one URI may use the other: the same text, but for the port on this machine. */
export function isRegistered(registered: string, used: string): boolean {
  if (registered === used) return true;
  if (!URL.canParse(registered) || !URL.canParse(used)) return false;
  const [known, wanted] = [new URL(registered), new URL(used)];
  if (!isLoopback(known.hostname) || known.protocol !== 'http:') return false;
  // A program takes whatever port is free when it asks (RFC 8252, section 7.3).
  known.port = '';
  wanted.port = '';
  return known.href === wanted.href && !used.includes('@');
}
