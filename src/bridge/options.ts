import { readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';

/** The remote MCP endpoint, and the bearer token for it unless the user signs in. */
export interface BridgeTarget {
  readonly url: URL;
  readonly token: string | undefined;
}

export interface BridgeOptions {
  readonly url: string;
  readonly token: string | undefined;
  /** A file that holds the token; it has priority over `token`. */
  readonly tokenFile: string | undefined;
  /** The user signs in, whatever token the environment has. */
  readonly login: boolean;
}

/** An option is invalid. The message says which one, what is wrong, and what to do. */
export class BridgeOptionsError extends Error {
  override readonly name = 'BridgeOptionsError';
}

/** @throws BridgeOptionsError */
export function parseBridgeOptions(options: BridgeOptions): BridgeTarget {
  return { url: parseUrl(options.url), token: options.login ? undefined : readToken(options) };
}

/**
 * An origin without a path stands for the endpoint `/mcp` on it.
 * @throws BridgeOptionsError
 */
export function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw new BridgeOptionsError(
      '--url must be the address of a server, such as https://bulkhead.example.com/mcp.',
    );
  if (url.username !== '' || url.password !== '')
    throw new BridgeOptionsError(
      '--url must not contain a user name or a password. Set the token in BULKHEAD_TOKEN.',
    );
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    throw new BridgeOptionsError(
      `http:// is accepted only for localhost, because it would send the token to ${url.hostname} unencrypted. Use https:// in --url.`,
    );
  if (url.pathname === '/') url.pathname = '/mcp';
  url.hash = '';
  return url;
}

function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' || hostname === '[::1]' || (isIPv4(hostname) && hostname.startsWith('127.'))
  );
}

/** RFC 6750, section 2.1. */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;

function readToken({ token, tokenFile }: BridgeOptions): string {
  const found = (tokenFile === undefined ? (token ?? '') : readTokenFile(tokenFile)).trim();
  const source = tokenFile === undefined ? 'BULKHEAD_TOKEN' : `The token file ${tokenFile}`;
  if (found === '')
    throw new BridgeOptionsError(
      tokenFile === undefined
        ? 'There is no token. Set BULKHEAD_TOKEN, pass a file with --token-file, or sign in with --login.'
        : `${source} is empty.`,
    );
  if (!TOKEN.test(found)) throw new BridgeOptionsError(`${source} does not hold a valid token.`);
  return found;
}

function readTokenFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
    throw new BridgeOptionsError(`The token file ${path} cannot be read (${code}).`);
  }
}
