import type { Context } from 'hono';
import { isLoopback, ownOrigin } from '../http/host.ts';
import type { AppEnv } from '../http/isolate.ts';

const PATHS = ['', '/mcp', '/sse', '/v1'];

/**
 * Whether a resource indicator (RFC 8707) means this server. Clients write the same endpoint in several ways: with a slash at
 * the end, with a query, as the origin alone, or under another name of this machine. All of them are the one audience of
 * this server's tokens.
 */
export function isOwnResource(c: Context<AppEnv>, resource: string): boolean {
  if (resource.length > 2048 || !URL.canParse(resource)) return false;
  const { protocol, host, hostname, port, pathname, username, password, hash } = new URL(resource);
  if (`${username}${password}${hash}` !== '' || !PATHS.includes(pathname.replace(/\/{1,8}$/, '')))
    return false;
  return [...c.var.isolate.config.publicUrls, ownOrigin(c)]
    .map((url) => new URL(url))
    .some((own) => {
      if (own.protocol !== protocol) return false;
      // Another port of this machine is another server, which must not be given a token for this one.
      return own.host === host || (isLoopback(own.hostname) && isLoopback(hostname) && own.port === port);
    });
}
