import { Hono } from 'hono';
import * as z from 'zod';
import { CallConnections } from '../../connections/call-connections.ts';
import { MAX_URL_CHARS, parseDestination } from '../../connections/http/destination.ts';
import { canCarrySecret, isSecretValue } from '../../connections/http/headers.ts';
import { type ConnectionKey, rewrapSecret, sealSecret } from '../../connections/seal.ts';
import type { StoredConnections } from '../../tenant/connection-administration.ts';
import {
  CONNECTION_NAME,
  type ConnectionInfo,
  type HttpTarget,
  type StoredConnection,
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
const newConnection = z.strictObject({
  kind: z.literal('http', { error: 'must be http' }),
  url: z.string().max(MAX_URL_CHARS),
  header: z
    .string()
    .refine(canCarrySecret, { error: 'must be the name of a header that can carry a secret' }),
  secret,
  allow_internal: z.boolean().default(false),
});

function connectionJson({ name, target, keyId, createdAt, changedAt, breaker }: ConnectionInfo) {
  const { internal, ...shown } = target;
  return {
    name,
    ...shown,
    allow_internal: internal,
    key_id: keyId,
    breaker,
    created_at: isoTime(createdAt),
    changed_at: isoTime(changedAt),
  };
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

function targetOf(
  c: Ctx,
  { kind, url, header, allow_internal: internal }: z.output<typeof newConnection>,
): HttpTarget {
  const destination = parseDestination(url, internal, c.var.isolate.connections.policy);
  if (destination.ok) return { kind, url: destination.value, header, internal };
  throw new AdminRefusal(400, 'invalid_input', `url: ${destination.error}.`, 'url');
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
  const target = targetOf(c, asked);
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
  for (const { name, target, secret: before } of stored) {
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
  const { name, target } = connection;
  const sealed = await sealSecret(key, { tenant: id, instance, name, target }, entered);
  return c.json(
    connectionJson(await resultOf<ConnectionInfo>(c, tenant.rotateConnection(name, target, sealed))),
  );
});

connections.post('/tenants/:id/connections/:name/test', async (c) => {
  const { id } = tenantOf(c);
  const { instance, connection } = await storedOf(c);
  const { name, target } = connection;
  const call = { tenant: id, signal: AbortSignal.timeout(TEST_MS), trace: c.var.arrival.trace };
  const grants = [{ ...connection, instance, gate: ADMITTED }];
  const startedAt = Date.now();
  try {
    const service = new CallConnections(c.var.isolate.connections, call, grants).get(name, {
      [name]: target.kind,
    });
    const { status } = await service.fetch('');
    return c.json({ name, reachable: true, status, took_ms: Date.now() - startedAt });
  } catch (cause) {
    if (!(cause instanceof ToolError)) throw cause;
    return c.json({ name, reachable: false, problem: cause.message, took_ms: Date.now() - startedAt });
  }
});

connections.delete('/tenants/:id/connections/:name', async (c) => {
  const { tenant } = tenantOf(c);
  return c.json(connectionJson(await resultOf<ConnectionInfo>(c, tenant.removeConnection(nameOf(c)))));
});
