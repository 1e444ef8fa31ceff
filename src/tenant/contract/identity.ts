/** How an account at an OpenID provider is written down where members and tenants are looked up by it. */

/** `email`: verified by the provider, in lower case. `sub`: the provider's own name of the account. */
export type AccountName =
  | { readonly kind: 'email'; readonly email: string }
  /** A subject means an account at one issuer; at another it is somebody else. */
  | { readonly kind: 'sub'; readonly sub: string; readonly issuer: string };

/** An address as providers verify it, and a subject: visible ASCII, so that no two that look alike differ. */
export const EMAIL = /^[\x21-\x3f\x41-\x7e]{1,64}@[\x21-\x3f\x41-\x7e]{1,190}$/;
export const SUBJECT = /^[\x21-\x7e]{1,255}$/;

export function identityText(name: AccountName): string {
  return name.kind === 'email' ? `email ${name.email}` : `sub ${name.issuer} ${name.sub}`;
}

/** What a text of `identityText` names. */
export function accountOf(text: string): AccountName {
  const [kind, first = '', sub = ''] = text.split(' ');
  return kind === 'email' ? { kind, email: first } : { kind: 'sub', issuer: first, sub };
}

interface Account {
  readonly issuer: string;
  readonly sub: string;
  readonly email: string | undefined;
}

/** All texts under which an account may be known. */
export function identityTexts({ issuer, sub, email }: Account): string[] {
  return [
    identityText({ kind: 'sub', issuer, sub }),
    ...(email === undefined ? [] : [identityText({ kind: 'email', email })]),
  ];
}
