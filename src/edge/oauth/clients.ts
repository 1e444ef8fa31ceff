import { createHash, timingSafeEqual } from 'node:crypto';
import * as z from 'zod';
import type { Config } from '../../config.ts';
import type { OAuthConfig } from '../../sign-in-settings.ts';
import { randomHex } from '../../telemetry/trace.ts';
import { documentUrlOf } from './client-documents.ts';
import { type RedirectTarget, targetOf } from './redirect-uris.ts';
import { sealerOf } from './seal.ts';

/** The clients that may ask for access. None of them is stored: the id of a registered client is its signed registration. */

export const AUTH_METHODS = ['none', 'client_secret_post', 'client_secret_basic'] as const;
export type AuthMethod = (typeof AUTH_METHODS)[number];

/** The longest client id that clients are known to store. */
export const MAX_CLIENT_ID_CHARS = 2048;

/** Who vouches for a client that has registered: nobody, or the operator. */
const ORIGINS = ['self', 'operator'] as const;

export type ClientOrigin = (typeof ORIGINS)[number] | 'document';

export interface Client {
  readonly id: string;
  /** What it calls itself, cleaned; may be empty. */
  readonly name: string;
  readonly redirectUris: readonly string[];
  readonly method: AuthMethod;
  /** Who vouches for it; `document`: the host of its id, which serves a document about it. */
  readonly origin: ClientOrigin;
}

/** The payload of a client id. Short names, because some clients have little room for it. */
const registration = z.object({
  /** Random, so that two equal registrations are two clients with two secrets. */
  r: z.string(),
  n: z.string(),
  u: z.array(z.string()),
  m: z.enum(AUTH_METHODS),
  o: z.enum(ORIGINS),
});

export interface NewClient extends Omit<Client, 'id'> {
  readonly origin: (typeof ORIGINS)[number];
}

/** Makes a client; undefined when its id would be too long. */
export function makeClient(
  config: Config,
  { name, redirectUris, method, origin }: NewClient,
): Client | undefined {
  const payload = { r: randomHex(8), n: name, u: [...redirectUris], m: method, o: origin };
  const id = sealerOf(config).seal('client', payload satisfies z.infer<typeof registration>);
  return id.length > MAX_CLIENT_ID_CHARS ? undefined : { id, name, redirectUris, method, origin };
}

/** The client that was registered under this id, if there is one. */
export function registeredClient(config: Config, id: string): Client | undefined {
  if (id.length > MAX_CLIENT_ID_CHARS) return undefined;
  const known = sealerOf(config).open('client', id, registration);
  return known === undefined
    ? undefined
    : { id, name: known.n, redirectUris: known.u, method: known.m, origin: known.o };
}

/**
 * The client that sends a request to `/token` or `/revoke`. A client with a document has no secret, and what it may redeem was
 * granted to its id: the document is not read again.
 */
export function clientOfRequest(config: Config, id: string): Client | undefined {
  if (id.length <= MAX_CLIENT_ID_CHARS && documentUrlOf(id) !== undefined)
    return { id, name: '', redirectUris: [], method: 'none', origin: 'document' };
  return registeredClient(config, id);
}

/** The client's id in the log and in the tenant's list of grants. */
export const clientDigest = (id: string) => createHash('sha256').update(id).digest('hex');

export const secretOf = (config: Config, client: Client): string | undefined =>
  client.method === 'none' ? undefined : sealerOf(config).secretOf('client secret', client.id);

/** Whether a client has proved to be itself. One without a secret proves nothing, and PKCE binds its codes. */
export function isAuthenticated(config: Config, client: Client, secret: string | undefined): boolean {
  const expected = secretOf(config, client);
  if (expected === undefined) return true;
  const [given, wanted] = [Buffer.from(secret ?? ''), Buffer.from(expected)];
  return given.byteLength === wanted.byteLength && timingSafeEqual(given, wanted);
}

/** Whether the operator lets this client ask for access, by where the client would be sent back to. */
export function isAdmitted(
  { clients }: Pick<OAuthConfig, 'clients'>,
  client: Client,
  target: RedirectTarget,
): boolean {
  if (clients.length === 0 || client.origin === 'operator') return true;
  if (client.origin === 'document') return clients.includes(new URL(client.id).hostname);
  if (target.kind === 'loopback') return clients.includes('loopback');
  return clients.includes('dynamic') || (target.kind === 'web' && clients.includes(target.host));
}

/** The redirect URIs of a registration that can be used. The others are dropped: some clients send several kinds at once. */
export const fitRedirectUris = (
  uris: readonly string[],
  { redirectUris }: Pick<OAuthConfig, 'redirectUris'>,
): string[] => [...new Set(uris.filter((uri) => targetOf(uri, redirectUris) !== undefined))];
