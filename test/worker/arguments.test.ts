import { describe, expect, test } from 'vitest';
import { HttpTenant, jsonOf } from '../support/http.ts';
import { storedBy } from '../support/storage.ts';
import type { Answer } from '../support/tenant.ts';

const MIB = 1_048_576;
const text = (bytes: number) => 'x'.repeat(bytes - '""'.length);

async function errorOf(tenant: HttpTenant, tool: string, args: unknown): Promise<Answer> {
  const result = await tenant.call(tool, args);
  expect(result.isError).toBe(true);
  const { error } = result.structuredContent;
  expect(result.content).toEqual([{ type: 'text', text: error.message }]);
  expect(error.trace_id).toMatch(/^[0-9a-f]{32}$/);
  return error;
}

/** A tenant with a cell, and the promise that what it stores is the same after `act`. */
async function unchanged(act: (tenant: HttpTenant) => Promise<unknown>): Promise<void> {
  const tenant = await HttpTenant.create();
  await tenant.call('blackboard_write', { key: 'kept', value: { by: 'all' }, tags: ['a'] });
  const before = await storedBy(tenant.id);
  await act(tenant);
  expect(await storedBy(tenant.id)).toEqual(before);
}

describe('an argument that no tool knows', () => {
  test.each([
    ['blackboard_write', { key: 'a', value: 1, ttl: 5 }, 'ttl', 'ttl_s'],
    ['blackboard_write', { key: 'a', vlaue: 1 }, 'vlaue', 'value'],
    ['blackboard_write', { key: 'a', value: 1, tenant: 'other' }, 'tenant', undefined],
    ['blackboard_write', { entries: [{ key: 'a', value: 1, modus: 'set' }] }, 'entries[0].modus', 'mode'],
    ['blackboard_read', { key: 'a', constructor: 1 }, 'constructor', undefined],
    ['tenant_limits', { tenant_id: 'other' }, 'tenant_id', undefined],
  ])('%s %j: refused by name', (tool, args, field, near) =>
    unchanged(async (tenant) => {
      const error = await errorOf(tenant, tool, args);
      expect(error).toMatchObject({ code: 'invalid_input', field, retryable: false });
      if (near !== undefined) expect(error.message).toContain(`Did you mean ${near}?`);
    }),
  );

  test('named __proto__ gives a call no argument that it did not send', async () => {
    const tenant = await HttpTenant.create();
    const response = await tenant.post(
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"blackboard_write",' +
        '"arguments":{"key":"a","value":1,"__proto__":{"mode":"append","tags":["x"]}}}}',
    );
    expect(response.status).toBe(200);
    const read = await tenant.call('blackboard_read', { key: 'a' });
    expect(read.structuredContent.entries[0].tags ?? []).toEqual([]);
    expect(Reflect.get({}, 'mode')).toBeUndefined();
  });
});

test('a value may have members named __proto__ and constructor', async () => {
  const tenant = await HttpTenant.create();
  const value = '{"__proto__":{"a":1},"constructor":{"prototype":2},"toString":3}';
  await tenant.post(
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"blackboard_write","arguments":{"key":"a","value":${value}}}}`,
  );
  const read = await tenant.rpc('tools/call', { name: 'blackboard_read', arguments: { key: 'a' } });
  expect(await read.text()).toContain(`"value":${value}`);
});

describe('an argument of the wrong shape', () => {
  test.each([
    [{ value: 1 }, 'key'],
    [{ key: '', value: 1 }, 'key'],
    [{ key: 'a'.repeat(257), value: 1 }, 'key'],
    [{ key: '/a', value: 1 }, 'key'],
    [{ key: 'a//b', value: 1 }, 'key'],
    [{ key: 'a\u0000b', value: 1 }, 'key'],
    [{ key: 'a\nb', value: 1 }, 'key'],
    [{ key: 'a\u0085b', value: 1 }, 'key'],
    [{ key: true, value: 1 }, 'key'],
    [{ key: { toString: 'a' }, value: 1 }, 'key'],
    [{ key: 'a', value: 1, ttl_s: 0 }, 'ttl_s'],
    [{ key: 'a', value: 1, ttl_s: 1.5 }, 'ttl_s'],
    [{ key: 'a', value: 1, ttl_s: '60s' }, 'ttl_s'],
    [{ key: 'a', value: 1, if_rev: -1 }, 'if_rev'],
    [{ key: 'a', value: 1, mode: 'replace' }, 'mode'],
    [{ key: 'a', value: 1, tags: 'x' }, 'tags'],
    [{ key: 'a', value: 1, run_id: false }, 'run_id'],
    [{ key: 'a', value: 'x\ud800' }, 'value'],
    [{ key: 'a', value: { list: ['fine', '\udc00'] } }, 'value.list[1]'],
    [{ key: 'a', value: { '\ud800': 1 } }, 'value'],
    [{ key: '\ud800', value: 1 }, 'key'],
  ])('%j: %s is named', (args, field) =>
    unchanged(async (tenant) => {
      const error = await errorOf(tenant, 'blackboard_write', args);
      expect(error.code).toBe('invalid_input');
      expect(error.field).toBe(field);
      expect(error.message).not.toMatch(/[\ud800-\udfff]/);
    }),
  );

  test('65 levels: too large or refused with the body', () =>
    unchanged(async (tenant) => {
      const value = JSON.parse(`${'['.repeat(65)}${']'.repeat(65)}`);
      const response = await tenant.rpc('tools/call', {
        name: 'blackboard_write',
        arguments: { key: 'a', value },
      });
      expect(response.status).toBe(400);
    }));
});

describe('text that means something to SQL, FTS or a shell is text', () => {
  const TEXTS = [
    `'; DROP TABLE cells; --`,
    `" OR 1=1 --`,
    'NEAR("a" "b", 2) AND NOT c*',
    'a* OR b:c ^d "unclosed',
    '%_\\%',
    '{{7*7}} $(id) `id` <script>',
    '\u202eright to left\u200b',
    '../../etc/passwd',
    'nul\u0000inside',
  ];
  test.each(TEXTS)('%j as a value comes back as it was', async (value) => {
    const tenant = await HttpTenant.create();
    expect((await tenant.call('blackboard_write', { key: 'a', value })).structuredContent.status).toBe(
      'created',
    );
    const read = await tenant.call('blackboard_read', { key: 'a' });
    expect(read.structuredContent.entries[0].value).toBe(value);
  });

  test.each(TEXTS)('%j as a query finds or does not, and breaks nothing', (query) =>
    unchanged(async (tenant) => {
      for (const [tool, args] of [
        ['blackboard_list', { query }],
        ['scar_lookup', { error_type: query.replaceAll('\u0000', ' '), context: query }],
      ] as const) {
        const { result, error } = await jsonOf(
          await tenant.rpc('tools/call', { name: tool, arguments: args }),
        );
        expect(error).toBeUndefined();
        expect(result.structuredContent.error?.code ?? 'none').toMatch(/^(none|invalid_input)$/);
      }
    }),
  );

  // A key with dot segments is refused, because clients that normalise URIs would read another cell by it.
  const KEYS = TEXTS.filter((key) => !key.includes('\u0000') && !key.split('/').includes('..'));
  test.each(KEYS)('%j as a key is only a name', async (key) => {
    const tenant = await HttpTenant.create();
    await tenant.call('blackboard_write', { key: 'kept', value: 1 });
    const { status } = (await tenant.call('blackboard_write', { key, value: 2 })).structuredContent;
    expect(status).toBe('created');
    const list = (await tenant.call('blackboard_list', { run_id: 'default' })).structuredContent;
    expect(list.entries.map((entry: { key: string }) => entry.key).sort()).toEqual([key, 'kept'].sort());
  });
});

describe('a large value', () => {
  test('of 1 MiB is kept whole', async () => {
    const tenant = await HttpTenant.create();
    const value = text(MIB);
    const written = await tenant.call('blackboard_write', { key: 'a', value });
    expect(written.structuredContent.status).toBe('created');
    const read = await tenant.call('blackboard_read', { key: 'a', max_bytes: MIB });
    expect(read.structuredContent.entries[0].value).toBe(value);
  });

  test('of one byte more is too_large, and says what fits', () =>
    unchanged(async (tenant) => {
      const error = await errorOf(tenant, 'blackboard_write', { key: 'kept', value: text(MIB + 1) });
      expect(error).toMatchObject({ code: 'too_large', field: 'value', limit: MIB });
    }));

  test('is counted in bytes, not in characters', () =>
    unchanged(async (tenant) => {
      const error = await errorOf(tenant, 'blackboard_write', { key: 'kept', value: 'é'.repeat(MIB / 2) });
      expect(error).toMatchObject({ code: 'too_large', limit: MIB });
    }));
});
