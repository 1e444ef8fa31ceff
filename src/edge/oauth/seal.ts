import { createHmac, timingSafeEqual } from 'node:crypto';
import type * as z from 'zod';
import type { Config, TokenKey } from '../../config.ts';

/**
 * Signed texts: what the authorization server hands out and recognises later, without storing it.
 *
 * A text is `prefix_kid.payload.tag`. The tag is an HMAC-SHA-256 (RFC 2104) under a key that is derived for one purpose
 * alone, so a text is worth nothing anywhere else: a client id is no refresh token, and neither is a bearer token. A text
 * that was not made here is refused before anything is looked up.
 */

/** What each kind of text begins with. Credentials among them are recognised by `telemetry/secret-tokens.ts`. */
const PREFIXES = {
  client: 'bhd',
  request: 'bhq',
  session: 'bhs',
  sign_in: 'bhk',
  code: 'bhc',
  refresh: 'bhr',
  page: 'bhp',
  provider: 'bhu',
  notice: 'bhn',
} as const;
export type Purpose = keyof typeof PREFIXES;

/** The longest text that is looked at. A request holds a client id, a redirect URI and a state, and is the longest. */
const MAX_TEXT_CHARS = 10_240;
const SHAPE = /^([a-z]{3})_([A-Za-z0-9_-]{1,32})\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})$/;

const hmac = (key: Uint8Array, text: string) => createHmac('sha256', key).update(text).digest();

export class Sealer {
  readonly #keys: readonly [TokenKey, ...TokenKey[]];

  /** @param keys the first one signs, all of them are recognised */
  constructor(keys: readonly [TokenKey, ...TokenKey[]]) {
    this.#keys = keys;
  }

  seal(purpose: Purpose, payload: unknown): string {
    const [key] = this.#keys;
    const signed = `${PREFIXES[purpose]}_${key.kid}.${Buffer.from(JSON.stringify(payload)).toString('base64url')}`;
    return `${signed}.${tagOf(key, purpose, signed)}`;
  }

  /** The payload of a text that was sealed for this purpose; undefined for any other text. */
  open<T>(purpose: Purpose, text: string, schema: z.ZodType<T>): T | undefined {
    if (text.length > MAX_TEXT_CHARS) return undefined;
    const [, prefix, kid, payload = '', tag = ''] = SHAPE.exec(text) ?? [];
    const key = this.#keys.find((candidate) => candidate.kid === kid);
    if (key === undefined || prefix !== PREFIXES[purpose]) return undefined;
    const expected = tagOf(key, purpose, text.slice(0, -tag.length - 1));
    if (!timingSafeEqual(Buffer.from(tag), Buffer.from(expected))) return undefined;
    return schema.safeParse(JSON.parse(Buffer.from(payload, 'base64url').toString())).data;
  }

  /** A secret that follows from a sealed text, and that nobody but this deployment can tell from it. */
  secretOf(use: 'client secret' | 'code verifier' | 'nonce', sealed: string): string {
    const [, , kid] = SHAPE.exec(sealed) ?? [];
    const key = this.#keys.find((candidate) => candidate.kid === kid) ?? this.#keys[0];
    return tagOf(key, use, sealed);
  }
}

const tagOf = (key: TokenKey, purpose: string, text: string) =>
  hmac(hmac(key.secret, `oauth ${purpose}`), text).toString('base64url');

const sealers = new WeakMap<Config, Sealer>();

/** The sealer of this isolate. */
export function sealerOf(config: Config): Sealer {
  const known = sealers.get(config) ?? new Sealer(config.tokenKeys);
  sealers.set(config, known);
  return known;
}
