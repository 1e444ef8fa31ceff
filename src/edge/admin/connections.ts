import { Hono } from 'hono';
import { CallConnections } from '../../connections/call-connections.ts';
import { type Credential, credentialText, parseCredential } from '../../connections/oauth/credential.ts';
import {
  type ConnectionKey,
  openSecret,
  rewrapSecret,
  type SecretOwner,
  sealSecret,
} from '../../connections/seal.ts';
import { examineDatabase } from '../../postgres/check.ts';
import type { StoredConnections } from '../../tenant/connection-administration.ts';
import type { TenantId } from '../../tenant/contract/call.ts';
import {
  CONNECTION_NAME,
  type ConnectionInfo,
  type ConnectionTarget,
  hasSecret,
  type PostgresTarget,
  type StoredConnection,
  type StoredHttpConnection,
  type StoredPostgresConnection,
} from '../../tenant/contract/connection.ts';
import { ToolError } from '../../tools/errors.ts';
import type { AppEnv } from '../http/isolate.ts';
import { accessTokensOf } from '../tenant-client/access-tokens.ts';
import { httpConnectionOf, oauthJson, requireFit } from './connection-bodies.ts';
import {
  type NewConnection,
  type NewPostgresConnection,
  type NewSecret,
  newConnection,
  newSecret,
} from './connection-schemas.ts';
import { AdminRefusal, bodyOf, type Ctx, isoTime, resultOf, tenantOf } from './refusals.ts';

/**
 * The connections of one tenant to its own systems, for the operator and for tokens with `connections:write`. A secret
 * arrives here, is encrypted here, and is never shown again.
 */

/** The tenant whose connections a request is about. */
export interface ConnectionOwner {
  readonly id: TenantId;
  readonly tenant: ReturnType<typeof tenantOf>['tenant'];
  /** Only the operator manages what leads to addresses that are not public, or to a shared database. */
  readonly isOperator: boolean;
  /** Has the tenant record a change, or that it was refused; undefined where every request is recorded already. */
  readonly note?: (action: string, code: string | undefined) => Promise<void>;
}
type OwnerOf = (c: Ctx) => Promise<ConnectionOwner>;

/** How long the service behind a connection may take to answer a test, in milliseconds. */
const TEST_MS = 10_000;
const ADMITTED = { admits: true, isProbe: false } as const;

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
  const { internal, oauth, ...shown } = target;
  return {
    ...shown,
    ...(oauth === undefined ? {} : { oauth: oauthJson(oauth) }),
    allow_internal: internal,
  };
}

/** @throws AdminRefusal */
function checkedName(name: string): string {
  if (CONNECTION_NAME.test(name)) return name;
  const message =
    'name: has 1 to 32 characters: lower-case letters, digits, - and _, and begins with a letter.';
  throw new AdminRefusal(400, 'invalid_input', message, 'name');
}

function keysOf(c: Ctx): readonly [ConnectionKey, ...ConnectionKey[]] {
  const [first, ...rest] = c.var.isolate.config.connectionKeys;
  if (first !== undefined) return [first, ...rest];
  const message =
    'CONNECTION_KEYS is not set, so no secret can be stored. Set it with `npx wrangler secret put CONNECTION_KEYS`, or in .dev.vars, then repeat the request.';
  throw new AdminRefusal(409, 'conflict', message);
}

function postgresTargetOf(c: Ctx, { kind, database }: NewPostgresConnection): PostgresTarget {
  if (c.var.isolate.findDatabase(database) !== undefined) return { kind, database };
  const message = 'database: is not declared for this server. Declare it in the setting DATABASES.';
  throw new AdminRefusal(400, 'invalid_input', message, 'database');
}

/** @throws AdminRefusal when only the operator may change what leads there */
function requireManageable({ isOperator }: ConnectionOwner, target: ConnectionTarget | undefined): void {
  if (isOperator || target === undefined || (target.kind === 'http' && !target.internal)) return;
  const message =
    'Only the operator manages connections to shared databases and to addresses that are not public.';
  throw new AdminRefusal(403, 'forbidden', message);
}

/** What is stored of one connection, and whose it is. */
async function storedOf(
  c: Ctx,
  { tenant }: ConnectionOwner,
  name: string,
): Promise<{ instance: string; connection: StoredConnection }> {
  const { instance, connections } = await resultOf<StoredConnections>(c, tenant.storedConnections());
  const connection = connections.find((stored) => stored.name === name);
  if (connection !== undefined) return { instance, connection };
  throw new AdminRefusal(404, 'not_found', 'The tenant has no such connection.');
}

/** Does what changes a connection, and has it recorded, done or refused. */
async function noted<T>({ note }: ConnectionOwner, action: string, act: () => Promise<T>): Promise<T> {
  try {
    const result = await act();
    await note?.(action, undefined);
    return result;
  } catch (cause) {
    if (cause instanceof AdminRefusal) await note?.(action, cause.refusal.code);
    throw cause;
  }
}

/** @throws AdminRefusal, as each of these functions */
export async function listConnections(c: Ctx, { tenant }: ConnectionOwner) {
  const listed = await resultOf<ConnectionInfo[]>(c, tenant.connections());
  return { connections: listed.map(connectionJson) };
}

export const setConnection = (c: Ctx, owner: ConnectionOwner, name: string, asked: NewConnection) =>
  noted(owner, `set connection ${name}`, () => set(c, owner, checkedName(name), asked));

async function set(c: Ctx, owner: ConnectionOwner, name: string, asked: NewConnection) {
  const { id, tenant } = owner;
  const { instance, connections } = await resultOf<StoredConnections>(c, tenant.storedConnections());
  requireManageable(owner, connections.find((stored) => stored.name === name)?.target);
  if (asked.kind === 'postgres') {
    requireManageable(owner, asked);
    const target = postgresTargetOf(c, asked);
    const linked = tenant.setConnection({ name, target });
    return connectionJson(await resultOf<ConnectionInfo>(c, linked));
  }
  const { target, secret } = await httpConnectionOf(c, asked, owner.isOperator);
  const [key] = keysOf(c);
  const sealed = await sealSecret(key, { tenant: id, instance, name, target }, secret);
  const connection = { name, target, secret: sealed, instance };
  return connectionJson(await resultOf<ConnectionInfo>(c, tenant.setConnection(connection)));
}

async function rewrap(c: Ctx, { id, tenant }: ConnectionOwner) {
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
  return { rewrapped, left };
}

export const rotateConnection = (c: Ctx, owner: ConnectionOwner, named: string, entered: NewSecret) =>
  noted(owner, `rotate connection ${named}`, () => rotate(c, owner, checkedName(named), entered));

async function rotate(c: Ctx, owner: ConnectionOwner, named: string, entered: NewSecret) {
  const { id, tenant } = owner;
  const keys = keysOf(c);
  const { instance, connection } = await storedOf(c, owner, named);
  if (!hasSecret(connection)) {
    const message = 'The connection has no secret: the key of its database is in the setting DATABASES.';
    throw new AdminRefusal(409, 'conflict', message);
  }
  const { name, target } = connection;
  requireManageable(owner, target);
  const sealing = { tenant: id, instance, name, target };
  const sealed = await sealSecret(keys[0], sealing, await changedSecret(keys, sealing, connection, entered));
  return connectionJson(await resultOf<ConnectionInfo>(c, tenant.rotateConnection(name, target, sealed)));
}

/** The whole secret after a change. What of a credential by OAuth is not entered stays. @throws AdminRefusal */
async function changedSecret(
  keys: readonly ConnectionKey[],
  owner: SecretOwner,
  { target, secret: stored }: StoredHttpConnection,
  { secret, client_secret: client, refresh_token: refresh }: NewSecret,
): Promise<string> {
  if (target.oauth === undefined) {
    if (secret !== undefined && client === undefined && refresh === undefined) return secret;
    throw new AdminRefusal(400, 'invalid_input', 'secret: must be given, and nothing else.', 'secret');
  }
  if (secret !== undefined)
    throw new AdminRefusal(
      400,
      'invalid_input',
      'secret: must be left out; this connection has client_secret and refresh_token.',
      'secret',
    );
  if (client === undefined && refresh === undefined)
    throw new AdminRefusal(400, 'invalid_input', 'client_secret or refresh_token: give one or both.');
  const opened = stored.form === 'sealed' ? await openSecret(keys, owner, stored) : stored.value;
  const credential = { ...parseCredential(opened ?? ''), ...defined({ client, refresh }) };
  await requireFit(target.oauth, credential);
  return credentialText(credential);
}

const defined = (credential: Credential): Credential =>
  Object.fromEntries(Object.entries(credential).filter(([, value]) => value !== undefined));

/** How a test of a connection went. */
export interface Tested {
  readonly name: string;
  readonly reachable: boolean;
  readonly status?: number;
  readonly problem?: string;
  readonly problems?: readonly string[];
  readonly took_ms: number;
}

export async function testConnection(c: Ctx, owner: ConnectionOwner, named: string): Promise<Tested> {
  const { connection, instance } = await storedOf(c, owner, checkedName(named));
  requireManageable(owner, connection.target);
  const { name } = connection;
  const signal = AbortSignal.timeout(TEST_MS);
  const startedAt = Date.now();
  try {
    const answer = hasSecret(connection)
      ? { status: await statusOf(c, owner, { connection, instance, signal }) }
      : { problems: await problemsOf(c, connection, signal) };
    return { name, reachable: true, ...answer, took_ms: Date.now() - startedAt };
  } catch (cause) {
    if (!(cause instanceof ToolError)) throw cause;
    return { name, reachable: false, problem: cause.message, took_ms: Date.now() - startedAt };
  }
}

/** What the service behind a connection answers to `GET`. */
async function statusOf(
  c: Ctx,
  { id }: ConnectionOwner,
  {
    connection,
    instance,
    signal,
  }: { connection: StoredHttpConnection; instance: string; signal: AbortSignal },
): Promise<number> {
  const { name } = connection;
  const { trace } = c.var.arrival;
  const call = { tenant: id, signal, trace, writes: false, now: Date.now() };
  const tokens = accessTokensOf(c.env, id, (work) => c.executionCtx.waitUntil(work));
  const opened = new CallConnections({ ...c.var.isolate.connections, tokens }, call, [
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

export const removeConnection = (c: Ctx, owner: ConnectionOwner, named: string) =>
  noted(owner, `remove connection ${named}`, async () => {
    const { connection } = await storedOf(c, owner, checkedName(named));
    requireManageable(owner, connection.target);
    return connectionJson(await resultOf<ConnectionInfo>(c, owner.tenant.removeConnection(connection.name)));
  });

/** The routes, below `path`, for whoever `ownerOf` admits. */
export function connectionRoutes(path: string, ownerOf: OwnerOf): Hono<AppEnv> {
  const routes = new Hono<AppEnv>();
  const named = (c: Ctx) => c.req.param('name') ?? '';
  routes.get(path, async (c) => c.json(await listConnections(c, await ownerOf(c))));
  routes.post(`${path}/rewrap`, async (c) => {
    const owner = await ownerOf(c);
    return c.json(await noted(owner, 'rewrap connections', () => rewrap(c, owner)));
  });
  routes.put(`${path}/:name`, async (c) => {
    const owner = await ownerOf(c);
    const name = checkedName(named(c));
    return c.json(await setConnection(c, owner, name, await bodyOf(c, newConnection)));
  });
  routes.post(`${path}/:name/secret`, async (c) => {
    const owner = await ownerOf(c);
    const name = checkedName(named(c));
    return c.json(await rotateConnection(c, owner, name, await bodyOf(c, newSecret)));
  });
  routes.post(`${path}/:name/test`, async (c) => c.json(await testConnection(c, await ownerOf(c), named(c))));
  routes.delete(`${path}/:name`, async (c) => c.json(await removeConnection(c, await ownerOf(c), named(c))));
  return routes;
}

export const connections = connectionRoutes('/tenants/:id/connections', async (c) => ({
  ...tenantOf(c),
  isOperator: true,
}));
