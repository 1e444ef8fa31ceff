import * as z from 'zod';

/** The settings of the sign-in: which clients may ask for access, and the OpenID provider at which members may sign in. */

export interface OAuthConfig {
  /** Which clients may ask for access: host names, `loopback` and `dynamic`; empty for all. */
  readonly clients: readonly string[];
  /** Redirect URIs with a scheme of their own that are accepted, exactly. */
  readonly redirectUris: readonly string[];
  /** undefined: members sign in with their keys alone. */
  readonly provider: ProviderConfig | undefined;
}

/** An OpenID provider, and what it knows this server as. */
export interface ProviderConfig {
  /** Exactly as the provider's metadata and its ID tokens spell it. */
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** What members are shown. */
  readonly name: string;
}

export const commaSeparated = (text: string) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');

const MAX_NAMES = 32;
const CLIENTS =
  'which clients may ask for access: host names such as claude.ai, and the words loopback and dynamic; comma-separated, at most 32; empty allows all';
const HOST_NAME = /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,62}$/;
const REDIRECT_URIS =
  'redirect URIs with a scheme of their own, such as cursor://anysphere.cursor-mcp/oauth/callback; comma-separated, at most 32';
/** A redirect URI of a desktop application (RFC 8252, section 7.1): any scheme but those that a browser opens or runs itself. */
const isPrivateUseUri = (text: string) =>
  text.length <= 512 &&
  /^(?!(?:https?|javascript|data|blob|file|about|vbscript|view-source|ws|wss|ftp):)[a-z][a-z0-9+.-]{1,63}:[^\s#]+$/.test(
    text,
  ) &&
  URL.canParse(text);

const ISSUER =
  "the issuer of an OpenID provider, such as https://accounts.example.com, exactly as the provider's metadata spells it; without a query; http only on this machine";
const CLIENT_ID =
  'the id under which the OpenID provider knows this server, at most 512 characters of ASCII, beside OIDC_ISSUER';
const CLIENT_SECRET =
  'the secret that the OpenID provider has given to this server, at most 1024 characters of ASCII, beside OIDC_ISSUER';
const NAME = 'what members call the OpenID provider, at most 60 visible characters, beside OIDC_ISSUER';

const isThisMachine = (hostname: string) => ['localhost', '127.0.0.1', '[::1]'].includes(hostname);

/** OpenID Connect Discovery, section 2, but for `http` on the same machine, where a provider is tried out. */
function isIssuer(text: string): boolean {
  if (text.length > 512 || !/^https?:\/\/[\x21-\x7e]+$/.test(text) || /[?#\\]/.test(text)) return false;
  if (!URL.canParse(text)) return false;
  const { href, protocol, hostname, username, password } = new URL(text);
  if (username !== '' || password !== '' || (href !== text && href !== `${text}/`)) return false;
  return protocol === 'https:' || isThisMachine(hostname);
}

const ascii = (most: number, error: string) =>
  z
    .string({ error })
    .max(most, { error })
    .regex(/^[\x21-\x7e]*$/, { error })
    .default('');

export const signInSettings = {
  OAUTH: z.enum(['on', 'off'], { error: 'on or off' }),
  OAUTH_CLIENTS: z
    .string({ error: CLIENTS })
    .transform(commaSeparated)
    .refine(
      (names) =>
        names.length <= MAX_NAMES &&
        names.every((name) => name === 'loopback' || name === 'dynamic' || HOST_NAME.test(name)),
      { error: CLIENTS },
    ),
  OAUTH_REDIRECT_URIS: z
    .string({ error: REDIRECT_URIS })
    .transform(commaSeparated)
    .refine((uris) => uris.length <= MAX_NAMES && uris.every(isPrivateUseUri), { error: REDIRECT_URIS }),
  OIDC_ISSUER: z
    .string({ error: ISSUER })
    .refine((text) => text === '' || isIssuer(text), { error: ISSUER })
    .default(''),
  OIDC_CLIENT_ID: ascii(512, CLIENT_ID),
  OIDC_CLIENT_SECRET: ascii(1024, CLIENT_SECRET),
  OIDC_NAME: z
    .string({ error: NAME })
    .trim()
    .regex(/^[^\p{C}\p{Zl}\p{Zp}]{0,60}$/u, { error: NAME })
    .default(''),
};

type Settings = z.infer<z.ZodObject<typeof signInSettings>>;

/** The settings of a provider of which a part is missing: each with what it must be. */
export function missingOf(settings: Settings): readonly (readonly [keyof Settings, string])[] {
  const { OIDC_ISSUER: issuer, OIDC_CLIENT_ID: id, OIDC_CLIENT_SECRET: secret, OIDC_NAME: name } = settings;
  if ([issuer, id, secret, name].every((value) => value === '')) return [];
  return [
    ...(issuer === '' ? [['OIDC_ISSUER', ISSUER] as const] : []),
    ...(id === '' ? [['OIDC_CLIENT_ID', CLIENT_ID] as const] : []),
    ...(secret === '' ? [['OIDC_CLIENT_SECRET', CLIENT_SECRET] as const] : []),
  ];
}

/** @returns undefined when nobody can sign in from a client */
export function oauthOf(settings: Settings): OAuthConfig | undefined {
  if (settings.OAUTH === 'off') return undefined;
  const { OIDC_ISSUER: issuer, OIDC_CLIENT_ID: clientId, OIDC_CLIENT_SECRET: clientSecret } = settings;
  const provider =
    issuer === ''
      ? undefined
      : { issuer, clientId, clientSecret, name: settings.OIDC_NAME || new URL(issuer).host };
  return { clients: settings.OAUTH_CLIENTS, redirectUris: settings.OAUTH_REDIRECT_URIS, provider };
}
