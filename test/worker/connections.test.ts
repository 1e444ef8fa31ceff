import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { admin, newTenantId, operate } from '../support/http.ts';

/** Connections inside workerd: encrypted by its WebCrypto, stored in a Durable Object, erased with the tenant. */

const CANARY = 'CANARY-IN-WORKERD';
const crm = {
  kind: 'http',
  url: 'https://crm.example.com/api/',
  header: 'Authorization',
  secret: `Bearer ${CANARY}`,
};

async function created(id = newTenantId()): Promise<string> {
  await operate('POST', '/tenants', { id });
  return id;
}

test('a connection is stored encrypted, is not shown, and ends with its tenant', async () => {
  const id = await created();
  const set = await operate('PUT', `/tenants/${id}/connections/crm`, crm);
  expect(set).toMatchObject({ name: 'crm', url: crm.url, key_id: 'c1', allow_internal: false });
  expect(await operate('GET', `/tenants/${id}/connections`)).toEqual({ connections: [set] });
  expect(await operate('POST', `/tenants/${id}/connections/rewrap`)).toEqual({ rewrapped: 0, left: [] });
  const rows = await runInDurableObject(env.TENANTS.getByName(id), (_tenant, { storage }) =>
    JSON.stringify(storage.sql.exec('SELECT * FROM connections').toArray()),
  );
  expect(rows).toContain('crm.example.com');
  expect(`${rows}${JSON.stringify(set)}`).not.toContain('CANARY');

  await operate('DELETE', `/tenants/${id}`);
  expect((await admin('GET', `/tenants/${id}/connections`)).status).toBe(404);
  await created(id);
  expect(await operate('GET', `/tenants/${id}/connections`)).toEqual({ connections: [] });
});

test('a row that was copied to another tenant does not open there', async () => {
  const [from, to] = [await created(), await created()];
  await operate('PUT', `/tenants/${from}/connections/crm`, crm);
  const columns = 'name, target, secret, key_id, created_at, changed_at';
  const row = await runInDurableObject(env.TENANTS.getByName(from), (_tenant, { storage }) =>
    [...storage.sql.exec(`SELECT ${columns} FROM connections`).raw()].flat(),
  );
  await runInDurableObject(env.TENANTS.getByName(to), (_tenant, { storage }) => {
    storage.sql.exec(`INSERT INTO connections (${columns}) VALUES (?, ?, ?, ?, ?, ?)`, ...row);
  });
  expect(await operate('POST', `/tenants/${to}/connections/crm/test`)).toMatchObject({
    reachable: false,
    problem: expect.stringContaining('cannot be read'),
  });
  expect((await operate('GET', `/tenants/${to}/connections`)).connections).toHaveLength(1);
});

test('a tenant that does not exist has none, and is not made by asking', async () => {
  const id = newTenantId();
  for (const [method, path, body] of [
    ['GET', '', undefined],
    ['PUT', '/crm', crm],
    ['POST', '/crm/test', undefined],
    ['POST', '/rewrap', undefined],
    ['DELETE', '/crm', undefined],
  ] as const)
    expect(await admin(method, `/tenants/${id}/connections${path}`, body)).toMatchObject({ status: 404 });
});
