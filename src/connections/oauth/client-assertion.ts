import { importPKCS8, SignJWT } from 'jose';

/** The assertion by which a client proves who it is with its private key (RFC 7523, section 2.2). */

export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const ASSERTION_S = 60;
/** A key fits one of them. */
const ALGORITHMS = ['RS256', 'ES256', 'ES384', 'EdDSA'] as const;

type PrivateKey = Awaited<ReturnType<typeof importPKCS8>>;

/** @returns undefined for a text that is no private key in PKCS #8 and PEM of a kind that signs assertions */
export async function importSigningKey(
  pem: string,
): Promise<{ readonly key: PrivateKey; readonly alg: string } | undefined> {
  for (const alg of ALGORITHMS) {
    try {
      return { key: await importPKCS8(pem, alg), alg };
    } catch {
      // It is of another kind, or it is no key.
    }
  }
  return undefined;
}

export interface AssertionOptions {
  readonly clientId: string;
  readonly tokenUrl: string;
  readonly keyId: string | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** @returns undefined when the text is no private key */
export async function clientAssertion(
  pem: string,
  { clientId, tokenUrl, keyId, now }: AssertionOptions,
): Promise<string | undefined> {
  const signing = await importSigningKey(pem);
  if (signing === undefined) return undefined;
  const issuedAt = Math.floor(now / 1000);
  return new SignJWT()
    .setProtectedHeader({ alg: signing.alg, ...(keyId === undefined ? {} : { kid: keyId }) })
    .setIssuer(clientId)
    .setSubject(clientId)
    .setAudience(tokenUrl)
    .setJti(crypto.randomUUID())
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + ASSERTION_S)
    .sign(signing.key);
}
