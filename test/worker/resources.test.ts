import { afterEach, describe, expect, test, vi } from 'vitest';
import { catalogue } from '../../src/catalogue.ts';
import { isRemoteTool } from '../../src/tools/remote-tool.ts';
import { HttpTenant, jsonOf } from '../support/http.ts';
import { list, read, write } from '../support/resources.ts';
import type { Answer } from '../support/tenant.ts';

afterEach(() => void vi.restoreAllMocks());

const notFound = (uri: string) => ({ code: -32602, data: { uri } });

test('resources are declared, and that there is push', async () => {
  const tenant = await HttpTenant.create();
  const clientInfo = { name: 'test', version: '1' };
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
  const { result } = await jsonOf(await tenant.rpc('initialize', params));
  expect(result.capabilities).toEqual({
    tools: { listChanged: false },
    resources: { subscribe: true, listChanged: true },
    prompts: { listChanged: false },
    completions: {},
    // Only remote tools send log messages to their client.
    ...(catalogue.tools.some(isRemoteTool) ? { logging: {} } : {}),
  });
});

test('there is one template, for a token that may read cells', async () => {
  const tenant = await HttpTenant.create();
  const templates = async (of: HttpTenant) =>
    (await jsonOf(await of.rpc('resources/templates/list'))).result.resourceTemplates;
  expect(await templates(tenant)).toEqual([
    expect.objectContaining({
      uriTemplate: 'blackboard://{run_id}/{key}',
      name: 'cell',
      mimeType: 'application/json',
    }),
  ]);
  expect(await templates(await HttpTenant.issue(tenant.id, { scopes: ['cache:read'] }))).toEqual([]);
});

test('a list that has one page has no cursor', async () => {
  const tenant = await HttpTenant.create();
  for (const method of ['tools/list', 'resources/templates/list']) {
    expect((await jsonOf(await tenant.rpc(method, { cursor: 'x' }))).error).toMatchObject({ code: -32602 });
  }
});

describe('resources/list', () => {
  test('of an empty tenant is empty', async () => {
    const tenant = await HttpTenant.create();
    expect((await list(tenant)).result).toEqual({ resources: [] });
  });

  test('has each cell of each board once, with what there is to know without reading it', async () => {
    const tenant = await HttpTenant.create();
    await write(tenant, 'plan/step', { n: 1 }, { run_id: 'run a' });
    await write(tenant, 'note', 'text');
    const { resources } = (await list(tenant)).result;
    expect(resources.map((resource: Answer) => resource.uri).sort()).toEqual([
      'blackboard://default/note',
      'blackboard://run%20a/plan/step',
    ]);
    expect(resources).toContainEqual({
      uri: 'blackboard://run%20a/plan/step',
      name: 'run a/plan/step',
      mimeType: 'application/json',
      size: 7,
      annotations: { lastModified: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) },
    });
  });

  test('pages through all of them, none twice, while others are written', async () => {
    const tenant = await HttpTenant.create();
    const names = [...Array(230).keys()].map((n) => `k/${String(n).padStart(3, '0')}`);
    for (let at = 0; at < names.length; at += 20) {
      const entries = names.slice(at, at + 20).map((key) => ({ key, value: key }));
      await tenant.call('blackboard_write', { entries });
    }
    const seen: string[] = [];
    let pages = 0;
    for (let cursor: string | undefined, more = true; more; pages++) {
      const { result } = await list(tenant, cursor);
      seen.push(...result.resources.map((resource: Answer) => resource.uri));
      cursor = result.nextCursor;
      more = cursor !== undefined;
      await write(tenant, `a/${pages}`, pages);
    }
    expect(pages).toBeGreaterThan(1);
    expect(seen).toEqual(names.map((key) => `blackboard://default/${key}`));
  });

  test('refuses a cursor that is not its own with -32602', async () => {
    const tenant = await HttpTenant.create();
    const other = await HttpTenant.create();
    const fill = (of: HttpTenant) =>
      Promise.all(
        [...Array(6).keys()].map((page) =>
          of.call('blackboard_write', {
            entries: [...Array(20).keys()].map((n) => ({ key: `k/${page}/${n}`, value: n })),
          }),
        ),
      );
    await Promise.all([fill(tenant), fill(other)]);
    const { nextCursor } = (await list(tenant)).result;
    expect(nextCursor).toBeTypeOf('string');
    expect((await list(tenant, nextCursor)).result.resources.length).toBeGreaterThan(0);
    const swapped = nextCursor.startsWith('A') ? 'B' : 'A';
    const forged = [
      `${swapped}${nextCursor.slice(1)}`,
      `${nextCursor}A`,
      nextCursor.slice(0, -2),
      (await list(other)).result.nextCursor,
      btoa('["default","k"]'),
      'x',
      '',
      'x'.repeat(5000),
      5,
      null,
      {},
    ];
    for (const cursor of forged) {
      const { error } = await list(tenant, cursor);
      expect(error, JSON.stringify(cursor)).toMatchObject({ code: -32602 });
    }
  });
});

describe('resources/read', () => {
  test('answers the value as JSON', async () => {
    const tenant = await HttpTenant.create();
    await write(tenant, 'plan/step', { n: [1, 'ü'] });
    const uri = 'blackboard://default/plan/step';
    expect((await read(tenant, uri)).result).toEqual({
      contents: [{ uri, mimeType: 'application/json', text: '{"n":[1,"ü"]}' }],
    });
  });

  test('reads back whatever is listed, however odd its name', async () => {
    const tenant = await HttpTenant.create();
    const names = [
      'a b',
      'ä/ö',
      '100%',
      '%2F',
      'q?x=1#y',
      '日本/語',
      '😀',
      "it's(*)!",
      'a:b@c',
      '\\',
      '...',
      '[x]',
    ];
    for (const name of names) await write(tenant, name, name, { run_id: `${name}/run` });
    const { resources } = (await list(tenant)).result;
    expect(resources).toHaveLength(names.length);
    const values: string[] = [];
    for (const { uri } of resources) {
      expect(uri).toMatch(/^blackboard:\/\/[!-~]+$/);
      values.push(JSON.parse((await read(tenant, uri)).result.contents[0].text));
    }
    expect(values.sort()).toEqual([...names].sort());
  });

  test('takes what expanding the template gives, where the / of a key is encoded', async () => {
    const tenant = await HttpTenant.create();
    await write(tenant, 'plan/step', 1);
    expect((await read(tenant, 'blackboard://default/plan%2Fstep')).result.contents[0].text).toBe('1');
  });

  test.each([
    'blackboard://default/nothing',
    'blackboard://other/plan',
    'blackboard://default/',
    'blackboard://default',
    'blackboard:///plan',
    'blackboard://default//plan',
    'blackboard://default/plan/',
    'blackboard://default/plan?rev=1',
    'blackboard://default/plan#a',
    'blackboard://default/%',
    'blackboard://default/%FF',
    'blackboard://default/plan%00',
    'blackboard://%E0%A4%A/plan',
    'file:///etc/passwd',
    'https://mcp.test/plan',
    'default/plan',
    'plan',
    '',
    `blackboard://default/${'k'.repeat(300)}`,
    `blackboard://${'r'.repeat(200)}/plan`,
  ])('%s is not there', async (uri) => {
    const tenant = await HttpTenant.create();
    await write(tenant, 'plan', 1);
    expect((await read(tenant, uri)).error).toMatchObject(notFound(uri));
  });

  test('an expired and a deleted cell are gone', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    vi.setSystemTime(Date.UTC(2027, 0, 1));
    const tenant = await HttpTenant.create();
    await write(tenant, 'short', 1, { ttl_s: 60 });
    await write(tenant, 'long', 1);
    const uri = 'blackboard://default/short';
    vi.setSystemTime(Date.UTC(2027, 0, 1, 0, 1) - 1);
    expect((await read(tenant, uri)).result.contents).toHaveLength(1);
    vi.setSystemTime(Date.UTC(2027, 0, 1, 0, 1));
    expect((await read(tenant, uri)).error).toMatchObject(notFound(uri));
    expect((await list(tenant)).result.resources).toHaveLength(1);
    await tenant.call('blackboard_delete', { keys: ['long'] });
    expect((await list(tenant)).result.resources).toEqual([]);
  });

  test.each([undefined, 5, null, {}])('uri %j is -32602', async (uri) => {
    const tenant = await HttpTenant.create();
    expect((await read(tenant, uri)).error.code).toBe(-32602);
  });

  test('in 2026-07-28 says the same', async () => {
    const tenant = await HttpTenant.create();
    await write(tenant, 'plan', 1);
    const modern = async (method: string, params: Record<string, unknown>) => {
      const _meta = {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientInfo': { name: 'agent', version: '1' },
        'io.modelcontextprotocol/clientCapabilities': {},
      };
      const headers = {
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': method,
        'mcp-name': typeof params.uri === 'string' ? params.uri : undefined,
      };
      return jsonOf(await tenant.rpc(method, { ...params, _meta }, headers));
    };
    const uri = 'blackboard://default/plan';
    expect((await modern('resources/list', {})).result.resources).toMatchObject([{ uri }]);
    expect((await modern('resources/read', { uri })).result.contents).toMatchObject([{ uri, text: '1' }]);
    const missing = `${uri}/none`;
    expect((await modern('resources/read', { uri: missing })).error).toMatchObject(notFound(missing));
    expect((await modern('resources/list', { cursor: 'x' })).error).toMatchObject({ code: -32602 });
  });
});
