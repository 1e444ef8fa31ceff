import { fail, type Result, succeed } from '../../result.ts';
import { isInternalHost, isLoopbackHost } from './address.ts';
import { pathProblem } from './path.ts';

/** Where connections of a deployment may lead. */
export interface DestinationPolicy {
  /** The origins under which this server is reached. */
  readonly ownOrigins: readonly string[];
  /** Whether this server itself runs on its user's machine, so that connections may lead there over http. */
  readonly isDevelopment: boolean;
}

export const MAX_URL_CHARS = 2048;

/**
 * Checks the URL of a connection: its origin, and the path that all requests are below.
 * @param internal whether the operator allows an address that is not public
 * @returns the URL with a slash at its end, or what is wrong, as the end of a sentence that begins with `url`
 */
export function parseDestination(
  text: string,
  internal: boolean,
  policy: DestinationPolicy,
): Result<string, string> {
  const problem = endpointProblem(text, internal, policy);
  if (problem !== undefined) return fail(problem);
  const url = new URL(text);
  return succeed(url.pathname.endsWith('/') ? url.href : `${url.href}/`);
}

/**
 * What is wrong with a URL that requests are sent to as it is, such as that of a token endpoint; undefined when nothing is.
 * @param internal whether the operator allows an address that is not public
 */
export function endpointProblem(
  text: string,
  internal: boolean,
  policy: DestinationPolicy,
): string | undefined {
  if (text.length > MAX_URL_CHARS || /[\s\\]/.test(text) || !URL.canParse(text))
    return 'must be a URL such as https://crm.example.com/api/';
  return destinationProblem(new URL(text), text, internal, policy);
}

function destinationProblem(
  url: URL,
  text: string,
  internal: boolean,
  { ownOrigins, isDevelopment }: DestinationPolicy,
): string | undefined {
  const { hostname, protocol } = url;
  const isOwnMachine = isLoopbackHost(hostname);
  if (`${url.username}${url.password}` !== '')
    return 'must have no user name and no password; give the secret as a secret';
  if (text.includes('?') || text.includes('#')) return 'must have no query and no fragment';
  // The parser has resolved dot segments: what was written counts.
  const path = text.replace(/^[^:]+:\/\/[^/]*\/?/, '');
  if (pathProblem(path) !== undefined) return `has a path that ${pathProblem(path)}`;
  if (protocol !== 'https:' && !(protocol === 'http:' && isOwnMachine && isDevelopment))
    return 'must begin with https://; http:// is for this machine, in development';
  if (hostname.endsWith('.')) return 'must have a host without a dot at its end';
  if (ownOrigins.some((own) => isSameServer(new URL(own), url))) return 'must not lead to this server itself';
  if (internal || (isOwnMachine && isDevelopment) || !isInternalHost(hostname)) return undefined;
  return 'leads to an address that is not public; only the operator can allow that';
}

/** A public host is one server; on this machine each port is one, whatever the machine is called. */
function isSameServer(own: URL, url: URL): boolean {
  if (isLoopbackHost(own.hostname) && isLoopbackHost(url.hostname)) return own.port === url.port;
  return own.hostname === url.hostname;
}
