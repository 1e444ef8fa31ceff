import * as z from 'zod';
import { hostnamesOf } from '../http/host.ts';
import type { Isolate } from '../http/isolate.ts';
import type { Client } from './clients.ts';
import { fetchJson } from './fetch-json.ts';
import { cleanName } from './names.ts';
import { MAX_REDIRECT_URI_CHARS, MAX_REDIRECT_URIS } from './redirect-uris.ts';

/**
 * Clients whose id is the URL of a document about them (OAuth Client ID Metadata Document, draft 00).
 *
 * The URL comes from anybody, so fetching it must not reach what only this server reaches: public host names alone, over
 * https on its own port, no redirect is followed, and the answer is bounded in size and time. What a document says is
 * believed of the host that serves it, and of no other.
 */

/** The largest document, in bytes, and how long it may take. */
export const MAX_DOCUMENT_BYTES = 5120;
export const DOCUMENT_MS = 5000;
/** Documents in memory, with those that could not be read. */
export const MAX_DOCUMENTS = 200;
/** How long a document is believed without being fetched again: as its server says, within these bounds. */
export const MIN_DOCUMENT_AGE_MS = 60_000;
export const MAX_DOCUMENT_AGE_MS = 3_600_000;

/** Two or more labels, the last of which has a letter, so that no spelling of an address is one. */
const HOST_NAME =
  /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$/;
/** Names that no public server has (RFC 6761, RFC 6762, RFC 8375, and what private networks use). */
const PRIVATE_SUFFIX =
  /(?:^|\.)(?:localhost|local|internal|intranet|private|corp|home|lan|arpa|test|invalid|onion|alt)$/;

/** The URL of a document that may be fetched, in the one spelling that an id may have. */
export function documentUrlOf(id: string): URL | undefined {
  if (!id.startsWith('https://') || !URL.canParse(id)) return undefined;
  const url = new URL(id);
  const isPlain = url.href === id && `${url.username}${url.password}${url.port}${url.hash}` === '';
  return isPlain && url.pathname !== '/' && isPublicName(url.hostname) ? url : undefined;
}

const isPublicName = (name: string) => HOST_NAME.test(name) && !PRIVATE_SUFFIX.test(name);

const metadata = z.object({
  client_id: z.string(),
  client_name: z.string().default(''),
  redirect_uris: z.array(z.string().max(MAX_REDIRECT_URI_CHARS)).min(1).max(MAX_REDIRECT_URIS),
  token_endpoint_auth_method: z.string().default('none'),
  /** Some clients can do more than the one that they prefer. */
  token_endpoint_auth_methods_supported: z.array(z.string()).default([]),
  // A document is public: a secret in it is none.
  client_secret: z.undefined().optional(),
});

interface Cached {
  readonly client: Client | undefined;
  readonly until: number;
}

/** The documents that one isolate has read. */
export class ClientDocuments {
  readonly #cached = new Map<string, Cached>();

  /** @returns undefined when nothing is known of it at this time */
  cached(id: string, now: number): Cached | undefined {
    const known = this.#cached.get(id);
    return known !== undefined && now < known.until ? known : undefined;
  }

  /** Fetches a document. One that cannot be read or is wrong is remembered as such for a minute. */
  async read(url: URL, now: number): Promise<Client | undefined> {
    const { client, ageMs } = await fetchClient(url);
    const [oldest] = this.#cached.keys();
    if (this.#cached.size >= MAX_DOCUMENTS && oldest !== undefined) this.#cached.delete(oldest);
    this.#cached.delete(url.href);
    this.#cached.set(url.href, { client, until: now + ageMs });
    return client;
  }
}

interface Fetched {
  readonly client: Client | undefined;
  readonly ageMs: number;
}

const UNREADABLE: Fetched = { client: undefined, ageMs: MIN_DOCUMENT_AGE_MS };

async function fetchClient(url: URL): Promise<Fetched> {
  const accept = { headers: { accept: 'application/json' } };
  const fetched = await fetchJson(url, { ...accept, maxBytes: MAX_DOCUMENT_BYTES, ms: DOCUMENT_MS });
  if (!fetched.ok || !isJson(fetched.value.headers)) return UNREADABLE;
  const { value, headers } = fetched.value;
  return { client: clientOf(url, value), ageMs: ageOf(headers) };
}

const isJson = (headers: Headers) =>
  /^application\/(?:[a-z0-9.+-]{1,64}\+)?json(?:;|$)/i.test(headers.get('content-type') ?? '');

function ageOf(headers: Headers): number {
  const [, seconds = '0'] = /(?:^|[\s,])max-age=(\d{1,9})/i.exec(headers.get('cache-control') ?? '') ?? [];
  return Math.min(MAX_DOCUMENT_AGE_MS, Math.max(MIN_DOCUMENT_AGE_MS, Number(seconds) * 1000));
}

function clientOf(url: URL, document: unknown): Client | undefined {
  const { data } = metadata.safeParse(document);
  if (data === undefined || data.client_id !== url.href) return undefined;
  const methods = [data.token_endpoint_auth_method, ...data.token_endpoint_auth_methods_supported];
  if (!methods.includes('none')) return undefined;
  return {
    id: url.href,
    name: cleanName(data.client_name),
    redirectUris: data.redirect_uris,
    method: 'none',
    origin: 'document',
  };
}

const documents = new WeakMap<Isolate, ClientDocuments>();

/** The documents of this isolate. */
export function documentsOf(isolate: Isolate): ClientDocuments {
  const known = documents.get(isolate) ?? new ClientDocuments();
  documents.set(isolate, known);
  return known;
}

/** Whether a URL leads back to this server. */
export const isOwnHost = ({ config }: Isolate, url: URL) =>
  hostnamesOf(config.publicUrls).includes(url.hostname);
