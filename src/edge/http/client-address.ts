import type { Context } from 'hono';
import type { AppEnv } from './isolate.ts';
import { networkOf } from './network.ts';

/** What all clients share whose address is not known. */
const UNKNOWN = 'unknown';

/**
 * The client's address, by which the fences count. `CF-Connecting-IP` is believed only if the platform has set it: where
 * `CLIENT_ADDRESS` says so and the request came through Cloudflare's network, which adds `request.cf`. Anywhere else a client could
 * send the header itself, with another address each time, so all clients are then counted together.
 */
export function clientAddress(c: Context<AppEnv>): string {
  const { raw } = c.req;
  const isFromPlatform = c.var.isolate.config.clientAddress === 'cloudflare' && raw.cf !== undefined;
  return isFromPlatform ? networkOf(raw.headers.get('cf-connecting-ip') ?? UNKNOWN) : UNKNOWN;
}
