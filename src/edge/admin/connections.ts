import { Hono } from 'hono';
import * as z from 'zod';
import { CallConnections } from '../../connections/call-connections.ts';
import { MAX_URL_CHARS, parseDestination } from '../../connections/http/destination.ts';
import { canCarrySecret, isSecretValue } from '../../connections/http/headers.ts';
import { type ConnectionKey, rewrapSecret, sealSecret } from '../../connections/seal.ts';
import { examineDatabase } from '../../postgres/check.ts';
import type { StoredConnections } from '../../tenant/connection-administration.ts';
import {
  CONNECTION_NAME,
  type ConnectionInfo,
  type ConnectionTarget,
  type HttpTarget,
  hasSecret,
  type PostgresTarget,
  type StoredConnection,
  type StoredHttpConnection,
  type StoredPostgresConnection,
} from '../../tenant/contract/connection.ts';
import { ToolError } from '../../tools/errors.ts';
import type { AppEnv } from '../http/isolate.ts';
import { AdminRefusal, bodyOf, type Ctx, isoTime, resultOf, tenantOf } from './refusals.ts';

/** The connections of one tenant to its own systems. A secret arrives here, is encrypted here, and is never shown again. */

/** How long the service behind a connection may take to answer a test, in milliseconds. */
const TEST_MS = 10_000;
const ADMITTED = { admits: true, isProbe: false } as const;

const secret = z
  .string()
  .max(8192)
  .refine(isSecretValue, { error: 'must be the value of a header: visible ASCII characters and spaces' });
const newSecret = z.strictObject({ secret });
const newHttpConnection = z.strictObject({
  kind: z.literal('http'),
  url: z.string().max(MAX_URL_CHARS),
  header: z
    .string()
    .refine(canCarrySecret, { error: 'must be the name of a header that can carry a secret' }),
  secret,
  allow_internal: z.boolean().default(false),
});
const newPostgresConnection = z.strictObject({ kind: z.literal('postgres'), database: z.string() });
const newConnection = z.discriminatedUnion('kind', [newHttpConnection, newPostgresConnection], {
  error: 'must have a kind, http or postgres',
});

function connectionJson({ name, target, keyId, createdAt, changedAt, breaker }: ConnectionInfo) {
  return {
    name,
    ...targetJson(target),
    ...(keyId === undefined ? {} : { key_id: keyId }),
    breaker,
    created_at: isoTime(createdAt),
    changed_at: isoTime(changedAt),
  };
}

function targetJson(target: ConnectionTarget) {
  if (target.kind === 'postgres') return target;
  const { internal, ...shown } = target;
  return { ...shown, allow_internal: internal };
}

function nameOf(c: Ctx): string {
  const name = c.req.param('name') ?? '';
  if (CONNECTION_NAME.test(name)) return name;
  const message =
    'name: has 1 to 32 characters: lower-case letters, digits, - and _, and begins with a letter.';
  throw new AdminRefusal(400, 'invalid_input', message, 'name');
}

function keysOf(c: Ctx): readonly [ConnectionKey, ...ConnectionKey[]] {
  const [first, ...rest] = c.var.isolate.config.connectionKeys;
  if (first !== undefined) return [first, ...rest];
  const message = 'CONNECTION_KEYS is not set, so no secret can be stored. Set it, then repeat the request.';
  throw new AdminRefusal(409, 'conflict', message);
}

function httpTargetOf(
  c: Ctx,
  { kind, url, header, allow_internal: internal }: z.output<typeof newHttpConnection>,
): HttpTarget {
  const destination = parseDestination(url, internal, c.var.isolate.connections.policy);
  if (destination.ok) return { kind, url: destination.value, header, internal };
  throw new AdminRefusal(400, 'invalid_input', `url: ${destination.error}.`, 'url');
}

function postgresTargetOf(
  c: Ctx,
  { kind, database }: z.output<typeof newPostgresConnection>,
): PostgresTarget {
  if (c.var.isolate.findDatabase(database) !== undefined) return { kind, database };
  const message = 'database: is not declared for this server. Declare it in the setting DATABASES.';
  throw new AdminRefusal(400, 'invalid_input', message, 'database');
}

/** What is stored of one connection, and whose it is. */
async function storedOf(c: Ctx): Promise<{ instance: string; connection: StoredConnection }> {
  const name = nameOf(c);
  const { instance, connections } = await resultOf<StoredConnections>(
    c,
    tenantOf(c).tenant.storedConnections(),
  );
  const connection = connections.find((stored) => stored.name === name);
  if (connection !== undefined) return { instance, connection };
  throw new AdminRefusal(404, 'not_found', 'The tenant has no such connection.');
}

export const connections = new Hono<AppEnv>();

connections.get('/tenants/:id/connections', async (c) => {
  const listed = await resultOf<ConnectionInfo[]>(c, tenantOf(c).tenant.connections());
  return c.json({ connections: listed.map(connectionJson) });
});

connections.put('/tenants/:id/connections/:name', async (c) => {
  const { id, tenant } = tenantOf(c);
  const name = nameOf(c);
  const asked = await bodyOf(c, newConnection);
  if (asked.kind === 'postgres') {
    const linked = tenant.setConnection({ name, target: postgresTargetOf(c, asked) });
    return c.json(connectionJson(await resultOf<ConnectionInfo>(c, linked)));
  }
  const target = httpTargetOf(c, asked);
  const [key] = keysOf(c);
  const { instance } = await resultOf<StoredConnections>(c, tenant.storedConnections());
  const sealed = await sealSecret(key, { tenant: id, instance, name, target }, asked.secret);
  const set = await resultOf<ConnectionInfo>(
    c,
    tenant.setConnection({ name, target, secret: sealed, instance }),
  );
  return c.json(connectionJson(set));
});

connections.post('/tenants/:id/connections/rewrap', async (c) => {
  const { id, tenant } = tenantOf(c);
  const keys = keysOf(c);
  const { instance, connections: stored } = await resultOf<StoredConnections>(c, tenant.storedConnections());
  const left: string[] = [];
  let rewrapped = 0;
  for (const { name, target, secret: before } of stored.filter(hasSecret)) {
    if (before.form === 'plain' || before.kid === keys[0].kid) continue;
    const { form: _, ...sealed } = before;
    const after = await rewrapSecret(keys, { tenant: id, instance, name, target }, sealed);
    if (after === undefined) left.push(name);
    else if (await resultOf<boolean>(c, tenant.rewrapConnection(name, sealed, after))) rewrapped++;
  }
  return c.json({ rewrapped, left });
});

connections.post('/tenants/:id/connections/:name/secret', async (c) => {
  const { id, tenant } = tenantOf(c);
  const { secret: entered } = await bodyOf(c, newSecret);
  const [key] = keysOf(c);
  const { instance, connection } = await storedOf(c);
  if (!hasSecret(connection)) {
    const message = 'The connection has no secret: the key of its database is in the setting DATABASES.';
    throw new AdminRefusal(409, 'conflict', message);
  }
  const { name, target } = connection;
  const sealed = await sealSecret(key, { tenant: id, instance, name, target }, entered);
  return c.json(
    connectionJson(await resultOf<ConnectionInfo>(c, tenant.rotateConnection(name, target, sealed))),
  );
});

connections.post('/tenants/:id/connections/:name/test', async (c) => {
  const { connection, instance } = await storedOf(c);
  const { name } = connection;
  const signal = AbortSignal.timeout(TEST_MS);
  const startedAt = Date.now();
  try {
    const answer = hasSecret(connection)
      ? { status: await statusOf(c, connection, instance, signal) }
      : { problems: await problemsOf(c, connection, signal) };
    return c.json({ name, reachable: true, ...answer, took_ms: Date.now() - startedAt });
  } catch (cause) {
    if (!(cause instanceof ToolError)) throw cause;
    return c.json({ name, reachable: false, problem: cause.message, took_ms: Date.now() - startedAt });
  }
});

/** What the service behind a connection answers to `GET`. */
async function statusOf(
  c: Ctx,
  connection: StoredHttpConnection,
  instance: string,
  signal: AbortSignal,
): Promise<number> {
  const { name } = connection;
  const { trace } = c.var.arrival;
  const call = { tenant: tenantOf(c).id, signal, trace, writes: false, now: Date.now() };
  const opened = new CallConnections(c.var.isolate.connections, call, [
    { ...connection, instance, gate: ADMITTED },
  ]);
  const { status } = await opened.get(name, { [name]: 'http' } as const).fetch('');
  return status;
}

/** What makes the database of a connection unsafe to share. */
async function problemsOf(
  c: Ctx,
  { target }: StoredPostgresConnection,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const located = c.var.isolate.findDatabase(target.database);
  if (located !== undefined) return examineDatabase(located.url, signal);
  throw new ToolError('unavailable', 'The database is not declared in the setting DATABASES any more.');
}

connections.delete('/tenants/:id/connections/:name', async (c) => {
  const { tenant } = tenantOf(c);
  return c.json(connectionJson(await resultOf<ConnectionInfo>(c, tenant.removeConnection(nameOf(c)))));
});
