import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import type { ConnectionAccess } from '../connections/call-connections.ts';
import { endpointProblem, parseDestination } from '../connections/http/destination.ts';
import { canCarrySecret, isSecretValue } from '../connections/http/headers.ts';
import { PLATFORM } from '../connections/http/platform.ts';
import { NO_ACCESS_TOKENS } from '../connections/oauth/access-token.ts';
import { credentialText } from '../connections/oauth/credential.ts';
import { clientOf, credentialOf, credentialProblem, oauthSettings } from '../connections/oauth/settings.ts';
import { directDatabase } from '../postgres/databases.ts';
import { type OpenSql, openerOf } from '../postgres/session.ts';
import type { KeptConnections } from '../tenant/connections/tenant-connections.ts';
import {
  CONNECTION_NAME,
  HEADER_OF_TOKENS,
  type StoredConnection,
  type StoredHttpConnection,
} from '../tenant/contract/connection.ts';
import { LocalTokens } from './connection-tokens.ts';
import { DataError } from './directory.ts';

/** The connections of the local server, which its user writes into a file beside the data. */

export const CONNECTIONS_FILE = 'connections.json';
const MAX_BYTES = 262_144;
const OTHER_USERS = 0o077;

/** The user of this machine reaches what the machine reaches. There is no server of ours that a connection could lead to. */
const POLICY = { ownOrigins: [], isDevelopment: true };

const httpConnection = z.strictObject({
  kind: z.literal('http'),
  url: z.string(),
  header: z
    .string()
    .refine(canCarrySecret, { error: 'must be the name of a header that can carry a secret' })
    .optional(),
  secret: z.string().refine(isSecretValue, { error: 'must be the value of a header' }).optional(),
  oauth: oauthSettings.optional(),
  internal: z.boolean().default(false),
});
type HttpEntry = z.output<typeof httpConnection>;
const postgresConnection = directDatabase.extend({ kind: z.literal('postgres') });
const fileSchema = z.record(
  z.string().regex(CONNECTION_NAME, { error: 'a name has lower-case letters, digits, - and _' }),
  z.discriminatedUnion('kind', [httpConnection, postgresConnection], {
    error: 'must have a kind, http or postgres',
  }),
);

/** The connections of a data directory, and how they are opened. */
export interface LocalConnections {
  readonly find: KeptConnections;
  readonly access: ConnectionAccess;
}

/** Those of a data directory without a file. */
export const NO_CONNECTIONS: LocalConnections = {
  find: () => undefined,
  access: {
    keys: [],
    policy: POLICY,
    platform: PLATFORM,
    database: () => undefined,
    tokens: NO_ACCESS_TOKENS,
  },
};

/**
 * Reads the file of connections in a data directory.
 * @throws DataError when other users can read it, or when it is wrong; the message contains no value of it
 */
export function readConnections(directory: string): LocalConnections {
  const path = join(directory, CONNECTIONS_FILE);
  const text = readPrivate(path);
  if (text === undefined) return NO_CONNECTIONS;
  const parsed = fileSchema.safeParse(parseJson(text));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new DataError(`${path} is not valid at ${issue?.path.join('.') || 'its root'}: ${issue?.message}.`);
  }
  const connections = new Map<string, StoredConnection>();
  const databases = new Map<string, OpenSql>();
  /** What is secret of credentials by OAuth, by the name of the connection. */
  const credentials = new Map<string, string>();
  for (const [name, entry] of Object.entries(parsed.data)) {
    if (entry.kind === 'postgres') {
      const { url, key, timeout_ms: timeoutMs } = entry;
      databases.set(name, openerOf({ database: { name, connection: { url }, key, timeoutMs }, url }));
      connections.set(name, { name, target: { kind: 'postgres', database: name } });
    } else {
      const connection = httpConnectionOf(path, name, entry);
      connections.set(name, connection);
      if (connection.target.oauth !== undefined && connection.secret.form === 'plain')
        credentials.set(name, connection.secret.value);
    }
  }
  return {
    find: (name) => connections.get(name),
    access: {
      ...NO_CONNECTIONS.access,
      database: (name) => databases.get(name),
      tokens: new LocalTokens(directory, credentials),
    },
  };
}

function httpConnectionOf(path: string, name: string, entry: HttpEntry): StoredHttpConnection {
  const { kind, url, internal, oauth, header, secret } = entry;
  const invalid = (problem: string) => new DataError(`${path} is not valid: ${name}.${problem}.`);
  const destination = parseDestination(url, internal, POLICY);
  if (!destination.ok) throw invalid(`url ${destination.error}`);
  const leads = { kind, url: destination.value, internal };
  if (oauth === undefined) {
    if (header === undefined) throw invalid('header is missing');
    if (secret === undefined) throw invalid('secret is missing');
    return { name, target: { ...leads, header }, secret: { form: 'plain', value: secret } };
  }
  if (header !== undefined || secret !== undefined)
    throw invalid('oauth takes the place of header and secret');
  const problem = endpointProblem(oauth.token_url, internal, POLICY);
  if (problem !== undefined) throw invalid(`oauth.token_url ${problem}`);
  const client = clientOf(oauth);
  const credential = credentialOf(oauth);
  const wrong = credentialProblem(client, credential);
  if (wrong !== undefined) throw invalid(`oauth.${wrong.field} ${wrong.problem}`);
  const value = credentialText(credential);
  return {
    name,
    target: { ...leads, header: HEADER_OF_TOKENS, oauth: client },
    secret: { form: 'plain', value },
  };
}

function readPrivate(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  if (process.platform !== 'win32' && (stat.mode & OTHER_USERS) !== 0)
    throw new DataError(`Other users can read the secrets in ${path}. Run \`chmod 600 ${path}\`.`);
  if (stat.size > MAX_BYTES)
    throw new DataError(`${path} is larger than ${MAX_BYTES} bytes. Remove connections.`);
  return readFileSync(path, 'utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
