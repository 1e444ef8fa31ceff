import * as z from 'zod';

/** What is secret of a credential by OAuth. It is encrypted as one text. */
export interface Credential {
  /** The client secret, or its private key in PKCS #8 and PEM; undefined for a public client. */
  readonly client?: string | undefined;
  readonly refresh?: string | undefined;
}

const credential = z.strictObject({ client: z.string().optional(), refresh: z.string().optional() });

export const credentialText = ({ client, refresh }: Credential): string =>
  JSON.stringify({ client, refresh });

/** @returns undefined for a text that is no credential by OAuth */
export function parseCredential(text: string): Credential | undefined {
  try {
    return credential.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
