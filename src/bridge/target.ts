import { readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';

/** The remote server, and the credential for it. */
export interface Target {
  /** The MCP endpoint. */
  readonly url: URL;
  readonly token: string;
}

export interface TargetOptions {
  readonly url: string;
  readonly token: string | undefined;
  readonly tokenFile: string | undefined;
}

/** What cannot be started, as one sentence for whoever configured it. */
export class TargetError extends Error {
  override readonly name = 'TargetError';
}

/** @throws TargetError when the address or the token is none */
export function readTarget(options: TargetOptions): Target {
  return { url: endpoint(options.url), token: credential(options) };
}

/** The MCP endpoint of an address; an origin alone stands for `/mcp` under it. */
function endpoint(text: string): URL {
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw new TargetError('--url must be the address of a server, such as https://bulkhead.example.com/mcp.');
  if (url.username !== '' || url.password !== '')
    throw new TargetError('--url must not contain a user or a password; put the token in BULKHEAD_TOKEN.');
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    throw new TargetError(
      `--url must begin with https://; http:// would send the token to ${url.hostname} in clear.`,
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

function credential({ token, tokenFile }: TargetOptions): string {
  const found = (tokenFile === undefined ? (token ?? '') : fileText(tokenFile)).trim();
  const where = tokenFile === undefined ? 'BULKHEAD_TOKEN' : `the file ${tokenFile}`;
  if (found === '' && tokenFile === undefined)
    throw new TargetError('There is no token: set BULKHEAD_TOKEN, or name a file with --token-file.');
  if (found === '') throw new TargetError(`There is no token in ${where}.`);
  if (!TOKEN.test(found)) throw new TargetError(`What is in ${where} is not a token.`);
  return found;
}

function fileText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
    throw new TargetError(`The token file ${path} cannot be read (${code}).`);
  }
}
