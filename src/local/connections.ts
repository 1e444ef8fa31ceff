import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import type { ConnectionAccess } from '../connections/call-connections.ts';
import { parseDestination } from '../connections/http/destination.ts';
import { canCarrySecret, isSecretValue } from '../connections/http/headers.ts';
import { PLATFORM } from '../connections/http/platform.ts';
import type { KeptConnections } from '../tenant/connections/tenant-connections.ts';
import { CONNECTION_NAME, type StoredConnection } from '../tenant/contract/connection.ts';
import { DataError } from './directory.ts';

/** The connections of the local server, which its user writes into a file beside the data. */

export const CONNECTIONS_FILE = 'connections.json';
const MAX_BYTES = 262_144;
const OTHER_USERS = 0o077;

/** The user of this machine reaches what the machine reaches. There is no server of ours that a connection could lead to. */
const POLICY = { ownOrigins: [], isDevelopment: true };
export const LOCAL_ACCESS: ConnectionAccess = { keys: [], policy: POLICY, platform: PLATFORM };

const fileSchema = z.record(
  z.string().regex(CONNECTION_NAME, { error: 'a name has lower-case letters, digits, - and _' }),
  z.strictObject({
    kind: z.literal('http'),
    url: z.string(),
    header: z
      .string()
      .refine(canCarrySecret, { error: 'must be the name of a header that can carry a secret' }),
    secret: z.string().refine(isSecretValue, { error: 'must be the value of a header' }),
    internal: z.boolean().default(false),
  }),
);

/**
 * Reads the file of connections in a data directory, if there is one.
 * @throws DataError when other users can read it, or when it is wrong; the message contains no value of it
 */
export function readConnections(directory: string): KeptConnections | undefined {
  const path = join(directory, CONNECTIONS_FILE);
  const text = readPrivate(path);
  if (text === undefined) return undefined;
  const parsed = fileSchema.safeParse(parseJson(text));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new DataError(`${path} is not valid at ${issue?.path.join('.') || 'its root'}: ${issue?.message}.`);
  }
  const connections = new Map<string, StoredConnection>();
  for (const [name, { secret, url, ...rest }] of Object.entries(parsed.data)) {
    const destination = parseDestination(url, rest.internal, POLICY);
    if (!destination.ok) throw new DataError(`${path} is not valid: ${name}.url ${destination.error}.`);
    const target = { ...rest, url: destination.value };
    connections.set(name, { name, target, secret: { form: 'plain', value: secret } });
  }
  return (name) => connections.get(name);
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
