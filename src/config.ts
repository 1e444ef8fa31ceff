import * as z from 'zod';
import { DATABASES, parseDatabases, type SharedDatabase } from './postgres/databases.ts';
import { commaSeparated, missingOf, type OAuthConfig, oauthOf, signInSettings } from './sign-in-settings.ts';
import { LOG_FORMATS, LOG_LEVELS } from './telemetry/log.ts';
import type { Collector } from './telemetry/otel/post.ts';
import { collectorOf, exportSettings } from './telemetry/otel/settings.ts';

/** All settings of the Worker. Their values come from `[vars]` in wrangler.toml, from `.dev.vars` and from secrets. */

/** The limits that `wrangler.toml` sets and that the local server uses. */
export const DEFAULT_LIMITS = { tenant: { rate: 50, burst: 200 }, tool: { rate: 20, burst: 60 } };
/** The range of a storage quota in bytes: a Durable Object can hold 10 GB. */
export const MIN_STORAGE_QUOTA_BYTES = 1_048_576;
export const MAX_STORAGE_QUOTA_BYTES = 10_000_000_000;
/** The storage quota that `wrangler.toml` sets and that the local server uses, in bytes. */
export const DEFAULT_STORAGE_QUOTA_BYTES = 1_073_741_824;

/** `cloudflare`: Cloudflare's network sets CF-Connecting-IP; `none`: no header of a request is believed. */
export const CLIENT_ADDRESSES = ['cloudflare', 'none'] as const;

const KEY_BYTES = 32;
const KEY_ID = /^[A-Za-z0-9_-]{1,32}$/;
/** Base64url of whole bytes: a length of 4n + 1 characters is impossible (RFC 4648, section 5). */
const BASE64URL = /^(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2,3})?$/;
/** The characters of a bearer token (RFC 6750, section 2.1). */
const BEARER = /^[A-Za-z0-9._~+/-]+=*$/;
const MAX_KEYS = 2;

/** A key of the deployment. `kid` identifies it in what was signed or encrypted with it. */
export interface TokenKey {
  readonly kid: string;
  readonly secret: Uint8Array;
}

function decodeBase64Url(text: string): Uint8Array {
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0));
}

function parseKeys(text: string, fits: (bytes: number) => boolean): TokenKey[] | undefined {
  const keys: TokenKey[] = [];
  for (const part of text.split(',')) {
    const [kid = '', encoded = '', ...rest] = part.trim().split(':');
    if (rest.length > 0 || !KEY_ID.test(kid) || !BASE64URL.test(encoded)) return undefined;
    const secret = decodeBase64Url(encoded);
    if (!fits(secret.byteLength)) return undefined;
    keys.push({ kid, secret });
  }
  return keys.length <= MAX_KEYS && new Set(keys.map((key) => key.kid)).size === keys.length
    ? keys
    : undefined;
}

/** The keys of a setting such as `TOKEN_KEYS`, the one that signs first; undefined when the text is not of that form. */
export const parseSigningKeys = (text: string) => parseKeys(text, (bytes) => bytes >= KEY_BYTES);

const number = (check: z.ZodType<number, number>, error: string) =>
  z
    .string({ error })
    .regex(/^\d{1,12}(\.\d{1,3})?$/, { error })
    .transform(Number)
    .pipe(check);
const integer = (min: number, max: number) => {
  const error = `a whole number from ${min} to ${max}`;
  return number(z.number({ error }).int({ error }).min(min, { error }).max(max, { error }), error);
};
const rate = () => {
  const error = 'calls a second, from 0.001 to 100000, at most three decimals';
  return number(z.number().min(0.001, { error }).max(100_000, { error }), error);
};
const keys = (error: string) =>
  z.string({ error }).transform((text, context): TokenKey[] => {
    const parsed = parseSigningKeys(text);
    if (parsed !== undefined) return parsed;
    context.addIssue({ code: 'custom', message: error });
    return z.NEVER;
  });

const isWebOrigin = (text: string) =>
  /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;
/** The origin of a desktop shell or a browser extension, such as `tauri://localhost`: any other scheme and a host. */
const isShellOrigin = (text: string) =>
  /^(?!https?:)[a-z][a-z0-9+.-]{0,31}:\/\/[A-Za-z0-9._-]{1,255}$/.test(text);

const MAX_PUBLIC_URLS = 8;
const PUBLIC =
  'the origin that clients reach, such as https://mcp.example.com: scheme and host, no path; up to eight, comma-separated';

const ORIGINS =
  'origins of browser clients, at most 32, comma-separated, such as https://app.example.com or vscode-webview://id; empty allows none';

const CONNECTION_KEYS =
  'one or two keys as kid:secret, comma-separated, the first one encrypts; each secret is 32 random bytes in base64url; empty allows no secrets of connections';

/** Absent as well where it is a secret that was not set. */
const connectionKeys = z
  .string({ error: CONNECTION_KEYS })
  .default('')
  .transform((text, context): TokenKey[] => {
    const parsed = text === '' ? [] : parseKeys(text, (bytes) => bytes === KEY_BYTES);
    if (parsed !== undefined) return parsed;
    context.addIssue({ code: 'custom', message: CONNECTION_KEYS });
    return z.NEVER;
  });

const settings = z.object({
  PUBLIC_URL: z
    .string({ error: PUBLIC })
    .transform(commaSeparated)
    .refine((urls) => urls.length > 0 && urls.length <= MAX_PUBLIC_URLS && urls.every(isWebOrigin), {
      error: PUBLIC,
    }),
  TOKEN_KEYS: keys(
    'one or two signing keys as kid:secret, comma-separated, the first one signs; each secret is 32 or more random bytes in base64url',
  ),
  CONNECTION_KEYS: connectionKeys,
  ADMIN_KEY: z
    .string({ error: '32 or more random characters' })
    .min(32, { error: '32 or more random characters' })
    .max(512, { error: 'at most 512 characters' })
    .regex(BEARER, { error: '32 or more random characters of A-Z, a-z, 0-9 and -._~+/' }),
  TENANT_RATE: rate(),
  TENANT_BURST: integer(1, 1_000_000),
  TOOL_RATE: rate(),
  TOOL_BURST: integer(1, 1_000_000),
  REQUEST_RATE: rate(),
  REQUEST_BURST: integer(1, 1_000_000),
  STORAGE_QUOTA_BYTES: integer(MIN_STORAGE_QUOTA_BYTES, MAX_STORAGE_QUOTA_BYTES),
  MAX_BODY_BYTES: integer(1024, 33_554_432),
  ALLOWED_ORIGINS: z
    .string({ error: ORIGINS })
    .transform(commaSeparated)
    .refine(
      (origins) =>
        origins.length <= 32 && origins.every((origin) => isWebOrigin(origin) || isShellOrigin(origin)),
      { error: ORIGINS },
    ),
  CLIENT_ADDRESS: z.enum(CLIENT_ADDRESSES, { error: `one of ${CLIENT_ADDRESSES.join(', ')}` }),
  ...signInSettings,
  LOG_LEVEL: z.enum(LOG_LEVELS, { error: `one of ${LOG_LEVELS.join(', ')}` }),
  LOG_FORMAT: z.enum(LOG_FORMATS, { error: `one of ${LOG_FORMATS.join(', ')}` }),
  DATABASES: z
    .string({ error: DATABASES })
    .default('')
    .transform((text, context): readonly SharedDatabase[] => {
      const parsed = parseDatabases(text);
      if (parsed !== undefined) return parsed;
      context.addIssue({ code: 'custom', message: DATABASES });
      return z.NEVER;
    }),
  ...exportSettings,
});

export interface Config {
  /** The origin that is printed and linked to: the first one. */
  readonly publicUrl: string;
  /** Every origin under which clients reach the server. */
  readonly publicUrls: readonly string[];
  /** The URL of the MCP endpoint: the audience of the tokens that are issued. */
  readonly mcpUrl: string;
  /** The audiences of the tokens that are accepted: the MCP endpoint under every origin. */
  readonly audiences: readonly string[];
  readonly tokenKeys: readonly [TokenKey, ...TokenKey[]];
  readonly adminKey: string;
  /** Encrypt the secrets of connections; none: no tenant can have a connection. */
  readonly connectionKeys: readonly TokenKey[];
  /** Token buckets of a tenant that has no limits of its own: `rate` in tokens a second, `burst` in tokens. */
  readonly limits: typeof DEFAULT_LIMITS;
  /** The bucket of one token, at the edge, for requests that are not charged to its tenant. */
  readonly requestLimit: { readonly rate: number; readonly burst: number };
  readonly storageQuotaBytes: number;
  readonly maxBodyBytes: number;
  readonly allowedOrigins: readonly string[];
  /** Who says which address a client has. */
  readonly clientAddress: (typeof CLIENT_ADDRESSES)[number];
  /** undefined: no client can sign in, and tokens come from the operator alone. */
  readonly oauth: OAuthConfig | undefined;
  readonly logLevel: (typeof LOG_LEVELS)[number];
  readonly logFormat: (typeof LOG_FORMATS)[number];
  /** Databases that all tenants share. */
  readonly databases: readonly SharedDatabase[];
  /** Where spans are exported to; undefined when they are not. */
  readonly collector: Collector | undefined;
}

export class ConfigError extends Error {
  /** One sentence for each setting: its name and what it must be, never its value. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join(' '));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/**
 * Reads all settings.
 * @throws ConfigError that names each wrong variable, what it must be and where to set it
 */
export function parseConfig(env: Readonly<Record<string, unknown>>): Config {
  const parsed = settings.safeParse(env);
  if (!parsed.success) {
    const wrong = new Map(parsed.error.issues.map((issue) => [String(issue.path[0]), issue.message]));
    throw new ConfigError([...wrong].map(problemOf));
  }
  const { data } = parsed;
  const missing = missingOf(data);
  if (missing.length > 0) throw new ConfigError(missing.map(problemOf));
  const [first, ...rest] = data.TOKEN_KEYS;
  if (first === undefined) throw new ConfigError(['TOKEN_KEYS must name a key.']);
  const [publicUrl] = data.PUBLIC_URL;
  if (publicUrl === undefined) throw new ConfigError(['PUBLIC_URL must name an origin.']);
  return {
    publicUrl,
    publicUrls: data.PUBLIC_URL,
    mcpUrl: mcpUrlOf(publicUrl),
    audiences: data.PUBLIC_URL.map(mcpUrlOf),
    tokenKeys: [first, ...rest],
    adminKey: data.ADMIN_KEY,
    connectionKeys: data.CONNECTION_KEYS,
    limits: {
      tenant: { rate: data.TENANT_RATE, burst: data.TENANT_BURST },
      tool: { rate: data.TOOL_RATE, burst: data.TOOL_BURST },
    },
    requestLimit: { rate: data.REQUEST_RATE, burst: data.REQUEST_BURST },
    storageQuotaBytes: data.STORAGE_QUOTA_BYTES,
    maxBodyBytes: data.MAX_BODY_BYTES,
    allowedOrigins: data.ALLOWED_ORIGINS,
    clientAddress: data.CLIENT_ADDRESS,
    oauth: oauthOf(data),
    logLevel: data.LOG_LEVEL,
    logFormat: data.LOG_FORMAT,
    databases: data.DATABASES,
    collector: collectorOf(data),
  };
}

const problemOf = ([name, shape]: readonly [string, string]) =>
  `${name} must be ${shape}; set it ${placeOf(name)}.`;

const mcpUrlOf = (origin: string) => `${origin}/mcp`;

const SECRETS = ['TOKEN_KEYS', 'ADMIN_KEY', 'CONNECTION_KEYS', 'OIDC_CLIENT_SECRET', 'DATABASES'];

/** Where to set a variable, for an error message. */
export function placeOf(name: string): string {
  return SECRETS.includes(name)
    ? 'in .dev.vars, or with `npx wrangler secret put`'
    : 'under [vars] in wrangler.toml, or in .dev.vars';
}
