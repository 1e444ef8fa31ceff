import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { PART_BYTES, type RecordsBucket, upload } from '../../src/tenant/bucket-upload.ts';
import { HttpTenant, operate } from '../support/http.ts';

const { RECORDS: bucket } = env as typeof env & { RECORDS: R2Bucket };
const namesOf = async (tenant: string) =>
  (await bucket.list({ prefix: `records/${tenant}/` })).objects.map(({ key }) => key);

async function linesOf(name: string) {
  const object = await bucket.get(name);
  if (object === null) throw new Error(`there is no ${name}`);
  const text = await new Response(object.body.pipeThrough(new DecompressionStream('gzip'))).text();
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

test('records go to the bucket at night and on demand, and are erased with their tenant', async () => {
  const tenant = await HttpTenant.create();
  await tenant.call('blackboard_write', { key: 'k', value: 'not to be shown' });
  await runInDurableObject(env.TENANTS.getByName(tenant.id), (object) => object.alarm());
  const [nightly = ''] = await namesOf(tenant.id);
  const [head, ...records] = await linesOf(nightly);
  expect(head).toMatchObject({ kind: 'export', tenant: tenant.id, first_record: 1, hash_before: '' });
  expect(head.signed_heads.at(-1)).toMatchObject({ id: records.length, head: records.at(-1).hash });
  expect(JSON.stringify(records)).not.toContain('not to be shown');
  await tenant.call('blackboard_write', { key: 'k', value: 2 });
  const { exported, more } = await operate('POST', `/tenants/${tenant.id}/export`);
  expect(exported).toMatchObject({ first_record: records.length + 1, bytes: expect.any(Number) });
  expect(more).toBe(false);
  expect(await namesOf(tenant.id)).toEqual([nightly, exported.object]);
  const [next] = await linesOf(exported.object);
  expect(next.hash_before).toBe(records.at(-1).hash);
  await operate('DELETE', `/tenants/${tenant.id}`);
  expect(await namesOf(tenant.id)).toEqual([]);
});

test('an object of several parts is stored as R2 wants them', async () => {
  const bytes = new Uint8Array(2 * PART_BYTES + 1000).map((_, at) => at % 251);
  const body = new Blob([bytes]).stream();
  await upload(bucket satisfies RecordsBucket, 'records/parts/x', body);
  const stored = await (await bucket.get('records/parts/x'))?.bytes();
  expect(stored?.length).toBe(bytes.length);
  expect(stored?.at(-1)).toBe(bytes.at(-1));
});
