import type { HttpTarget, SealedSecret } from '../tenant/contract/connection.ts';

/**
 * Encryption of the secrets and access tokens of connections: AES-256-GCM by WebCrypto, with a data key of its own for every secret, which is
 * encrypted with a key of the deployment.
 *
 * Both encryptions authenticate whose the secret is and where it is sent: the tenant's name, its id that is never reused,
 * and the connection's name, kind, origin, path prefix and header, with all that says how an access token is got. So a row
 * that was copied to another tenant, or pointed at another destination or token endpoint, does not open.
 */

/** A key of the deployment. `kid` identifies it in what is stored. */
export interface ConnectionKey {
  readonly kid: string;
  readonly secret: Uint8Array;
}

/** Whose a secret is, and where it is sent. */
export interface SecretOwner {
  readonly tenant: string;
  readonly instance: string;
  readonly name: string;
  readonly target: HttpTarget;
}

const CIPHER = 'AES-GCM';
const KEY_BYTES = 32;
const IV_BYTES = 12;

const encode = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');
const decode = (text: string) => new Uint8Array(Buffer.from(text, 'base64url'));
const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes));

/** What is encrypted. One does not open as the other. */
export type Sealable = 'secret' | 'token';

/** A list in JSON, so that no two owners have the same. */
function additionalData({ tenant, instance, name, target }: SecretOwner, use: string): Uint8Array {
  const { origin, pathname } = new URL(target.url);
  const bound = [
    '1',
    use,
    tenant,
    instance,
    name,
    target.kind,
    origin,
    pathname,
    target.header,
    target.internal,
    ...oauthData(target),
  ];
  return new TextEncoder().encode(JSON.stringify(bound));
}

function oauthData({ oauth }: HttpTarget): unknown[] {
  if (oauth === undefined) return [];
  const { grant, tokenUrl, clientId, clientAuth, keyId, scope, resource, audience } = oauth;
  const optional = [keyId, scope, resource, audience].map((value) => value ?? null);
  return [grant, tokenUrl, clientId, clientAuth, ...optional];
}

const importKey = (secret: Uint8Array) =>
  crypto.subtle.importKey('raw', new Uint8Array(secret.subarray(0, KEY_BYTES)), CIPHER, false, [
    'encrypt',
    'decrypt',
  ]);

async function encrypt(
  key: Uint8Array,
  iv: Uint8Array,
  bound: Uint8Array,
  clear: Uint8Array,
): Promise<string> {
  const algorithm = { name: CIPHER, iv: new Uint8Array(iv), additionalData: new Uint8Array(bound) };
  return encode(
    new Uint8Array(await crypto.subtle.encrypt(algorithm, await importKey(key), new Uint8Array(clear))),
  );
}

/** @returns undefined when the key is another one, or anything that is bound to it */
async function decrypt(
  key: Uint8Array,
  iv: string,
  bound: Uint8Array,
  data: string,
): Promise<Uint8Array | undefined> {
  const algorithm = { name: CIPHER, iv: decode(iv), additionalData: new Uint8Array(bound) };
  try {
    return new Uint8Array(await crypto.subtle.decrypt(algorithm, await importKey(key), decode(data)));
  } catch {
    return undefined;
  }
}

const keyUse = (what: Sealable) => (what === 'secret' ? 'key' : 'token key');

async function wrap(key: ConnectionKey, owner: SecretOwner, dataKey: Uint8Array, what: Sealable) {
  const wrapIv = random(IV_BYTES);
  const wrappedKey = await encrypt(key.secret, wrapIv, additionalData(owner, keyUse(what)), dataKey);
  return { kid: key.kid, wrapIv: encode(wrapIv), wrappedKey };
}

function unwrap(keys: readonly ConnectionKey[], owner: SecretOwner, sealed: SealedSecret, what: Sealable) {
  const key = keys.find(({ kid }) => kid === sealed.kid);
  return key && decrypt(key.secret, sealed.wrapIv, additionalData(owner, keyUse(what)), sealed.wrappedKey);
}

/** Encrypts a secret. */
export async function sealSecret(
  key: ConnectionKey,
  owner: SecretOwner,
  secret: string,
  what: Sealable = 'secret',
): Promise<SealedSecret> {
  const dataKey = random(KEY_BYTES);
  const iv = random(IV_BYTES);
  const data = await encrypt(dataKey, iv, additionalData(owner, what), new TextEncoder().encode(secret));
  return { ...(await wrap(key, owner, dataKey, what)), iv: encode(iv), data };
}

/** @returns undefined when no key of the deployment opens it for this owner */
export async function openSecret(
  keys: readonly ConnectionKey[],
  owner: SecretOwner,
  sealed: SealedSecret,
  what: Sealable = 'secret',
): Promise<string | undefined> {
  const dataKey = await unwrap(keys, owner, sealed, what);
  const clear = dataKey && (await decrypt(dataKey, sealed.iv, additionalData(owner, what), sealed.data));
  return clear && new TextDecoder().decode(clear);
}

/** Encrypts the data key of a secret with the first key of the deployment. @returns undefined when no key opens it */
export async function rewrapSecret(
  keys: readonly [ConnectionKey, ...ConnectionKey[]],
  owner: SecretOwner,
  sealed: SealedSecret,
): Promise<SealedSecret | undefined> {
  const dataKey = await unwrap(keys, owner, sealed, 'secret');
  return dataKey && { ...sealed, ...(await wrap(keys[0], owner, dataKey, 'secret')) };
}
