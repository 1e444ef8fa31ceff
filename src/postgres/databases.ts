import * as z from 'zod';
import type { SigningKey } from './claim.ts';

/** A database that all tenants share, as the operator declares it. */
export interface SharedDatabase {
  readonly name: string;
  /** Where to connect: a connection string, or the name of a Hyperdrive binding that has one. */
  readonly connection: { readonly url: string } | { readonly hyperdrive: string };
  readonly key: SigningKey;
  /** How long a statement may run, in milliseconds. */
  readonly timeoutMs: number;
}

/** How the databases of a deployment are written: JSON, by their names. */
export const DATABASES =
  'JSON such as {"orders": {"url": "postgres://…", "key": "kid:secret"}}, at most 16, where "hyperdrive" can name a binding instead of "url", which ends with ?sslmode=verify-full if it leads to another machine, the key is what bulkhead.add_key returned, and "timeout_ms" can be 10 to 30000';

/** A database, and the connection string that leads to it. */
export interface LocatedDatabase {
  readonly database: SharedDatabase;
  readonly url: string;
}

const KEY_BYTES = 32;
const NAME = /^[a-z][a-z0-9_-]{0,31}$/;
const BINDING = /^[A-Z][A-Z0-9_]{0,63}$/;
const KEY = /^([A-Za-z0-9_-]{1,32}):([A-Za-z0-9_-]{43})$/;
const MAX_DATABASES = 16;
const MAX_URL = 2048;

const key = z
  .string()
  .regex(KEY)
  .transform((text): SigningKey => {
    const [, kid = '', encoded = ''] = KEY.exec(text) ?? [];
    const secret = Buffer.from(encoded, 'base64url');
    return { kid, secret: new Uint8Array(secret.subarray(0, KEY_BYTES)) };
  });
const url = z
  .string()
  .max(MAX_URL)
  .refine((text) => URL.canParse(text) && /^postgres(?:ql)?:$/.test(new URL(text).protocol));
const shared = { key, timeout_ms: z.int().min(10).max(30_000).default(5000) };
/** One database with its connection string, as a local file has it. */
export const directDatabase = z.strictObject({ url, ...shared });

/** What of a connection string names files, which a Worker has not, or another host than the one before it. */
const NOT_HERE = ['sslrootcert', 'sslcert', 'sslkey', 'host', 'hostaddr'];
const VERIFIED = ['require', 'verify-ca', 'verify-full'];
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/**
 * Whether a Worker may use a connection string. Rows and signatures are not sent to another machine in the clear. Under TLS the
 * runtime always checks the certificate and its name, whatever `sslmode` says.
 */
function isFit(text: string): boolean {
  const { hostname, searchParams } = new URL(text);
  if (NOT_HERE.some((name) => searchParams.has(name))) return false;
  return LOOPBACK.test(hostname) || VERIFIED.includes(searchParams.get('sslmode') ?? '');
}

const entry = z.union([
  directDatabase.refine(({ url: text }) => isFit(text)),
  z.strictObject({ hyperdrive: z.string().regex(BINDING), ...shared }),
]);
const entries = z
  .record(z.string().regex(NAME), entry)
  .refine((named) => Object.keys(named).length <= MAX_DATABASES);

/** Reads the setting; an empty text declares no database. @returns undefined if it is wrong */
export function parseDatabases(text: string): readonly SharedDatabase[] | undefined {
  if (text === '') return [];
  const parsed = entries.safeParse(readJson(text));
  if (!parsed.success) return undefined;
  return Object.entries(parsed.data).map(([name, { key: signingKey, timeout_ms, ...connection }]) => ({
    name,
    connection,
    key: signingKey,
    timeoutMs: timeout_ms,
  }));
}

/**
 * Finds a database by its name.
 * @param bindings the environment of the Worker, in which Hyperdrive bindings are
 */
export function locateDatabase(
  databases: readonly SharedDatabase[],
  bindings: Readonly<Record<string, unknown>>,
  name: string,
): LocatedDatabase | undefined {
  const database = databases.find((declared) => declared.name === name);
  if (database === undefined) return undefined;
  if ('url' in database.connection) return { database, url: database.connection.url };
  const bound = hyperdrive.safeParse(bindings[database.connection.hyperdrive]);
  return bound.success ? { database, url: bound.data.connectionString } : undefined;
}

const hyperdrive = z.object({ connectionString: z.string() });

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
