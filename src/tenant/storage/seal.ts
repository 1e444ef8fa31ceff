import { createHmac, timingSafeEqual } from 'node:crypto';

const TAG_BYTES = 16;

/** The purpose is authenticated with the payload. Its length comes first, so that no two pairs give the same bytes. */
const tagOf = (key: string, purpose: string, payload: string) =>
  createHmac('sha256', key).update(`${purpose.length}:${purpose}${payload}`).digest().subarray(0, TAG_BYTES);

/**
 * `payload` with an authentication tag (HMAC-SHA-256, RFC 2104, truncated to 128 bits), in base64url.
 * @param purpose what the text is for; `unseal` opens it for the same purpose only
 */
export function seal(key: string, purpose: string, payload: string): string {
  return Buffer.concat([tagOf(key, purpose, payload), Buffer.from(payload, 'utf8')]).toString('base64url');
}

/** The payload of a sealed text; undefined when it was not sealed with `key` for `purpose`, or was changed. */
export function unseal(key: string, purpose: string, sealed: string): string | undefined {
  const bytes = Buffer.from(sealed, 'base64url');
  if (bytes.byteLength < TAG_BYTES || bytes.toString('base64url') !== sealed) return undefined;
  const payload = bytes.subarray(TAG_BYTES).toString('utf8');
  return timingSafeEqual(bytes.subarray(0, TAG_BYTES), tagOf(key, purpose, payload)) ? payload : undefined;
}

/** Signs and opens texts with the key of one tenant. */
export const sealing = ({ sealKey }: { readonly sealKey: string }) => ({
  seal: (purpose: string, payload: string) => seal(sealKey, purpose, payload),
  unseal: (purpose: string, sealed: string) => unseal(sealKey, purpose, sealed),
});
