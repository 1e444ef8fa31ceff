import { describe, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { catalogue } from '../../src/catalogue.ts';
import {
  approvalsAnswer,
  issuedAnswer,
  tokenAnswer,
  tokensAnswer,
} from '../../src/edge/admin/member-openapi.ts';
import { RECORD_PATHS } from '../../src/edge/api/record-paths.ts';
import { createServer } from '../../src/mcp/server.ts';
import { READERS } from '../../src/tenant/records/reading/readers.ts';
import { asksNothing } from '../../src/tools/remote-tool.ts';
import { jsonOf, newTenantId, operate, send } from '../support/http.ts';
import type { Answer } from '../support/tenant.ts';

const served = catalogue.tools.filter(asksNothing);

describe('GET /openapi.json', () => {
  const document = async () => {
    const response = await send('/openapi.json');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    return jsonOf(response);
  };

  function* nodes(value: unknown): Generator<Record<string, unknown>> {
    if (typeof value !== 'object' || value === null) return;
    if (!Array.isArray(value)) yield { ...value };
    for (const child of Object.values(value)) yield* nodes(child);
  }

  test('has one path a tool, with the schemas that check it', async () => {
    const { openapi, info, paths } = await document();
    expect(openapi).toMatch(/^3\.1\.\d+$/);
    expect(info).toMatchObject({ title: 'Bulkhead', version: expect.any(String) });
    expect(
      Object.keys(paths).filter((path) => !/^\/v1\/(?:connections|tokens|approvals)/.test(path)),
    ).toEqual([
      '/v1/tools',
      ...served.map((tool) => `/v1/tools/${tool.name}`),
      ...RECORD_PATHS.map(({ path }) => `/v1${path.replace(/:(.*)/, '{$1}')}`),
    ]);
    for (const { path, question } of RECORD_PATHS) {
      const { get } = paths[`/v1${path.replace(/:(.*)/, '{$1}')}`];
      expect(get.security).toEqual([{ token: ['records:read'] }]);
      const named = get.parameters.flatMap(({ name }: Answer) => name ?? []);
      expect(named).toEqual(Object.keys(READERS[question].input.shape));
    }
    for (const tool of served) {
      const { post } = paths[`/v1/tools/${tool.name}`];
      expect(post.operationId).toBe(tool.name);
      expect(post.security).toEqual([{ token: tool.scope === 'any' ? [] : [tool.scope] }]);
      const body = post.requestBody.content['application/json'].schema;
      expect(Object.keys(body.properties ?? {})).toEqual(Object.keys(tool.input.shape));
      const answer = post.responses[200].content['application/json'].schema;
      expect(Object.keys(answer.properties)).toEqual(Object.keys(tool.output.shape));
      expect(answer.additionalProperties).toBe(false);
      expect(Object.keys(post.responses)).toContain('429');
    }
  });

  test('has every route of /v1, with its methods, and no other', async () => {
    const { paths } = await document();
    const described = Object.entries<Answer>(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const routes = createApp({ catalogue, serve: createServer })
      .routes.filter(({ path }) => path.startsWith('/v1/') && !path.includes('*'))
      .map(({ method, path }) => ({ method, path: path.replaceAll(/:(\w+)/g, '{$1}') }));
    const serves = (route: { method: string; path: string }, [method, path]: readonly string[]) =>
      ['ALL', method].includes(route.method) &&
      (route.path === path || (route.path === '/v1/tools/{name}' && path?.startsWith('/v1/tools/')));
    expect(routes.length).toBeGreaterThan(10);
    for (const route of routes)
      expect(
        described.some((one) => serves(route, one.split(' '))),
        JSON.stringify(route),
      ).toBe(true);
    for (const one of described)
      expect(
        routes.some((route) => serves(route, one.split(' '))),
        one,
      ).toBe(true);
  });

  test('says what the answers about tokens and approvals are', async () => {
    const tenant = newTenantId();
    await operate('POST', '/tenants', { id: tenant });
    const scopes = ['tokens:write', 'approvals:write', 'cache:read', 'cache:write'];
    const { token } = await operate('POST', `/tenants/${tenant}/tokens`, { scopes });
    const ask = async (method: string, path: string, body?: object) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const sent = body === undefined ? {} : { body: JSON.stringify(body) };
      return jsonOf(await send(`/v1${path}`, { method, headers, ...sent }));
    };
    const issued = issuedAnswer.parse(
      await ask('POST', '/tokens', {
        scopes: ['cache:read', 'cache:write'],
        tools: ['cache_get'],
        ttl_s: 600,
      }),
    );
    const path = `/tokens/${issued.token_id}`;
    expect(tokenAnswer.parse(await ask('PATCH', path, { remove: ['cache:write'] })).scopes).toEqual([
      'cache:read',
    ]);
    expect(tokenAnswer.parse(await ask('DELETE', path)).revoked_at).not.toBeNull();
    expect(tokensAnswer.parse(await ask('GET', '/tokens')).tokens).toHaveLength(2);
    expect(approvalsAnswer.parse(await ask('GET', '/approvals'))).toEqual({ approvals: [], standing: [] });
  });

  test('holds together: every reference leads somewhere, every operation has an id of its own', async () => {
    const whole = await document();
    const ids: unknown[] = [];
    for (const node of nodes(whole)) {
      if (typeof node.$ref === 'string') {
        const target = node.$ref
          .slice(2)
          .split('/')
          .reduce<unknown>((at, name) => Reflect.get(Object(at), name), whole);
        expect(target, node.$ref).toBeTypeOf('object');
      }
      if ('operationId' in node && 'responses' in node) ids.push(node.operationId);
      if ('in' in node && 'schema' in node) expect(['query', 'header', 'path', 'cookie']).toContain(node.in);
    }
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toHaveLength(
      Object.values<Answer>(whole.paths).reduce((sum, methods) => sum + Object.keys(methods).length, 0),
    );
    for (const operation of Object.values<Answer>(whole.paths).flatMap((path) =>
      Object.values<Answer>(path),
    )) {
      for (const [status, response] of Object.entries<Answer>(operation.responses)) {
        expect(status).toMatch(/^[2-5]\d\d$/);
        expect(response.$ref ?? response.description).toBeTypeOf('string');
      }
    }
    expect(whole.components.securitySchemes.token).toMatchObject({ type: 'http', scheme: 'bearer' });
  });

  test('names every code of the errors with its status', async () => {
    const { components } = await document();
    for (const [status, code] of [
      [400, 'invalid_input'],
      [403, 'forbidden'],
      [404, 'unknown_handle'],
      [413, 'too_large'],
      [429, 'rate_limited'],
      [500, 'internal'],
      [503, 'unavailable'],
      [507, 'quota_exceeded'],
    ] as const) {
      expect(components.responses[`Problem${status}`].description).toContain(code);
    }
  });
});
