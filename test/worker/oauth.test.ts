import { describe, expect, test } from 'vitest';
import { SCOPES } from '../../src/tools/tool.ts';
import { callTool, jsonOf, listTools, operate, postMcp, send } from '../support/http.ts';
import { tokensOf } from '../support/oauth-person.ts';
import { addMember, newBrowser, newClient, newMember, ORIGIN } from '../support/oauth-worker.ts';
import { enveloped } from '../support/raw-eras.ts';

describe('metadata', () => {
  test('of the resource names the authorization server, whose own metadata has every member that clients check', async () => {
    const resource = await jsonOf(await send('/.well-known/oauth-protected-resource/mcp'));
    expect(resource).toMatchObject({
      resource: `${ORIGIN}/mcp`,
      authorization_servers: [ORIGIN],
      scopes_supported: [...SCOPES],
    });
    const response = await send('/.well-known/oauth-authorization-server', {
      headers: { origin: 'https://anywhere.example' },
    });
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(await jsonOf(response)).toMatchObject({
      issuer: ORIGIN,
      authorization_endpoint: `${ORIGIN}/authorize`,
      token_endpoint: `${ORIGIN}/token`,
      registration_endpoint: `${ORIGIN}/register`,
      revocation_endpoint: `${ORIGIN}/revoke`,
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: ['none', 'client_secret_post', 'client_secret_basic'],
      authorization_response_iss_parameter_supported: true,
    });
  });

  test.each([
    '/.well-known/openid-configuration',
    '/.well-known/oauth-authorization-server/mcp',
    '/mcp/.well-known/oauth-authorization-server',
  ])('%s is not found, in JSON', async (path) => {
    const response = await send(path);
    expect(response.status).toBe(404);
    expect(response.headers.get('content-type')).toContain('json');
  });

  test.each([
    ['/mcp', SCOPES.join(' ')],
    ['/mcp?tools=scar', 'scar:read scar:write'],
    ['/mcp?tools=blackboard,cache', 'blackboard:read blackboard:write cache:read cache:write'],
  ])('a 401 at %s names the scopes to ask for', async (path, scope) => {
    const refused = await send(path);
    expect(refused.status).toBe(401);
    expect(refused.headers.get('www-authenticate')).toContain(`scope="${scope}"`);
  });
});

describe('the whole way', () => {
  test('a client registers, a person signs in and allows it, and the tokens are those of the tenant', async () => {
    const member = await newMember();
    const client = await newClient();
    const browser = newBrowser();
    const asked = await browser.open(client.authorizeUrl());
    expect(asked.title).toBe('Sign in to mcp.test');
    expect(asked.text).toContain('An app at client.example , which calls itself “ Test client ”');
    const consent = await browser.signIn(asked, member.key);
    expect(consent.values('as')).toEqual([`${member.tenant}/${member.id}`]);
    expect(consent.values('scope')).toEqual([...SCOPES]);
    expect(consent.text).toContain('Read the shared boards');
    const done = await browser.allow(consent);
    expect(done.status).toBe(200);
    expect(done.goesTo?.origin).toBe('https://client.example');
    expect(Object.fromEntries(done.goesTo?.searchParams ?? [])).toEqual({
      code: expect.stringMatching(/^bhc_/),
      state: client.state,
      iss: ORIGIN,
    });
    const answer = await client.redeem(done.goesTo?.searchParams.get('code') ?? '');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const tokens = await answer.json<Record<string, string>>();
    expect(tokens).toEqual({
      access_token: expect.stringMatching(/^eyJ/),
      token_type: 'Bearer',
      expires_in: 3600,
      refresh_token: expect.stringMatching(/^bhr_/),
      scope: SCOPES.join(' '),
    });
    const called = await postMcp(tokens.access_token, callTool('tenant_limits'));
    expect(called.status).toBe(200);
    expect(await operate('GET', `/tenants/${member.tenant}/grants`)).toEqual({
      grants: [
        expect.objectContaining({
          member_id: member.id,
          client_name: 'Test client',
          client_host: 'client.example',
          scopes: [...SCOPES],
        }),
      ],
    });
  });

  test('a person who has signed in is asked again all the same, and chooses between tenants', async () => {
    const [ann, ben] = [await newMember(), await newMember({ name: 'Ben', scopes: ['cache:read'] })];
    const browser = newBrowser();
    const client = await newClient();
    await client.tokens(browser, ann.key);
    const again = await browser.open(client.authorizeUrl());
    expect(again.values('as')).toEqual([`${ann.tenant}/${ann.id}`]);
    const other = await browser.press(again, 'other_key');
    const both = await browser.signIn(other, ben.key);
    expect(both.values('as')).toEqual([`${ben.tenant}/${ben.id}`, `${ann.tenant}/${ann.id}`]);
    const done = await browser.allow(both, [...SCOPES], `${ben.tenant}/${ben.id}`);
    const tokens = await (await client.redeem(done.goesTo?.searchParams.get('code') ?? '')).json<{
      scope: string;
    }>();
    // No more than the member has, whatever the form says.
    expect(tokens.scope).toBe('cache:read');
  });

  test('what is ticked off is not granted', async () => {
    const member = await newMember();
    const client = await newClient();
    const tokens = await client.tokens(newBrowser(), member.key, {}, ['scar:read']);
    expect(tokens.scope).toBe('scar:read');
    const refused = await postMcp(tokens.access_token, callTool('blackboard_write', { key: 'k', value: 1 }));
    expect(refused.status).toBe(403);
    expect(refused.headers.get('www-authenticate')).toContain('scope="blackboard:write scar:read"');
    expect((await jsonOf(refused)).error.message).toContain('connect this server anew');
  });

  test('a client that refreshes in vain for a scope has the model read which is missing, however it calls', async () => {
    const member = await newMember();
    const client = await newClient();
    const first = await client.tokens(newBrowser(), member.key, {}, ['scar:read']);
    const { access_token } = await tokensOf(await client.refresh(first.refresh_token));
    const call = (_meta: object = {}) => {
      const asked = callTool('blackboard_write', { key: 'k', value: 1 });
      return { ...asked, params: { ...asked.params, _meta } };
    };
    const { _meta: envelope } = enveloped({});
    const modern = {
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'blackboard_write',
    };
    for (const [message, headers] of [
      [call(), {}],
      [call({ other: 1 }), {}],
      [call(), { accept: 'text/event-stream' }],
      [call(envelope), modern],
      [call({ ...envelope, other: 1 }), modern],
      [call(envelope), { ...modern, accept: 'text/event-stream' }],
    ] as const) {
      const answer = await postMcp(access_token, message, headers);
      expect(answer.status).toBe(200);
      const text = await answer.text();
      expect(text).toContain('"isError":true');
      expect(text).toContain('"scope":"blackboard:write"');
      expect(text).toContain('Ask the person to connect this server anew');
    }
    // Nobody reads a result of anything but a tool.
    const read = { ...listTools, method: 'resources/read', params: { uri: 'blackboard://default/k' } };
    expect((await postMcp(access_token, read)).status).toBe(403);
  });

  test('what the client does not ask for is not offered', async () => {
    const member = await newMember();
    const client = await newClient();
    const browser = newBrowser();
    const scope = 'offline_access scar:read unknown:thing';
    const consent = await browser.signIn(await browser.open(client.authorizeUrl({ scope })), member.key);
    expect(consent.values('scope')).toEqual(['scar:read']);
    const more = await browser.allow(consent, ['scar:read', 'blackboard:write']);
    const tokens = await (await client.redeem(more.goesTo?.searchParams.get('code') ?? '')).json<{
      scope: string;
    }>();
    expect(tokens.scope).toBe('scar:read');
  });

  test('deny tells the client so', async () => {
    const client = await newClient();
    const browser = newBrowser();
    const denied = await browser.press(await browser.open(client.authorizeUrl()), 'deny');
    expect(Object.fromEntries(denied.goesTo?.searchParams ?? [])).toEqual({
      error: 'access_denied',
      state: client.state,
      iss: ORIGIN,
    });
  });

  test.each(['none', 'client_secret_post', 'client_secret_basic'])(
    'a client of the method %s',
    async (method) => {
      const member = await newMember();
      const client = await newClient({ token_endpoint_auth_method: method });
      expect(client.secret === undefined).toBe(method === 'none');
      const code = await client.code(newBrowser(), member.key);
      if (method !== 'none') {
        const wrong = await client.redeem(code, { client_secret: 'wrong' });
        expect([wrong.status, (await jsonOf(wrong)).error]).toEqual([401, 'invalid_client']);
      }
      const basic = `Basic ${btoa(`${encodeURIComponent(client.id)}:${encodeURIComponent(client.secret ?? '')}`)}`;
      const answer =
        method === 'client_secret_basic'
          ? await client.post(
              '/token',
              {
                grant_type: 'authorization_code',
                code,
                code_verifier: client.verifier,
                client_id: undefined,
              },
              { authorization: basic },
            )
          : await client.redeem(code);
      expect(answer.status).toBe(200);
    },
  );
});

describe('tokens', () => {
  test('are refreshed, and each refresh token has one successor', async () => {
    const member = await newMember();
    const client = await newClient();
    const tokens = await client.tokens(newBrowser(), member.key);
    const answers = await Promise.all(Array.from({ length: 20 }, () => client.refresh(tokens.refresh_token)));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    const issued = await Promise.all(
      answers.map((answer) => answer.json<{ refresh_token: string; access_token: string }>()),
    );
    expect(new Set(issued.map(({ refresh_token }) => refresh_token)).size).toBe(1);
    expect((await postMcp(issued[0]?.access_token, listTools)).status).toBe(200);
  });

  test('an older refresh token than the one before ends the grant', async () => {
    const member = await newMember();
    const client = await newClient();
    const first = await client.tokens(newBrowser(), member.key);
    const second = await tokensOf(await client.refresh(first.refresh_token));
    const third = await tokensOf(await client.refresh(second.refresh_token));
    const stolen = await client.refresh(first.refresh_token);
    expect([stolen.status, (await jsonOf(stolen)).error]).toEqual([400, 'invalid_grant']);
    expect((await client.refresh(third.refresh_token)).status).toBe(400);
    expect((await postMcp(third.access_token, listTools)).status).toBe(401);
  });

  test('a code is redeemed once by 20 requests at once, and the replay ends its grant', async () => {
    const member = await newMember();
    const client = await newClient();
    const code = await client.code(newBrowser(), member.key);
    const answers = await Promise.all(Array.from({ length: 20 }, () => client.redeem(code)));
    const [redeemed, ...more] = answers.filter(({ status }) => status === 200);
    expect(more).toEqual([]);
    const tokens = await redeemed?.json<{ access_token: string; refresh_token: string }>();
    expect((await postMcp(tokens?.access_token, listTools)).status).toBe(401);
    expect((await client.refresh(tokens?.refresh_token ?? '')).status).toBe(400);
  });

  test('a code is for its client, its redirect URI and its verifier; a wrong one does not use it up', async () => {
    const member = await newMember();
    const client = await newClient();
    const other = await newClient();
    const code = await client.code(newBrowser(), member.key);
    const wrong = [
      await client.redeem(code, { code_verifier: 'x'.repeat(43) }),
      await client.redeem(code, { redirect_uri: 'https://client.example/other' }),
      await other.redeem(code, { code_verifier: client.verifier }),
      await client.redeem(code, { resource: 'https://other.example/mcp' }),
    ];
    expect(await Promise.all(wrong.map(async (answer) => (await jsonOf(answer)).error))).toEqual([
      'invalid_grant',
      'invalid_grant',
      'invalid_grant',
      'invalid_target',
    ]);
    expect((await client.redeem(code)).status).toBe(200);
  });

  test('a suspended tenant is a matter of time, and no word about the grant', async () => {
    const member = await newMember();
    const client = await newClient();
    const tokens = await client.tokens(newBrowser(), member.key);
    await operate('POST', `/tenants/${member.tenant}/suspend`);
    const refused = await client.refresh(tokens.refresh_token);
    expect([refused.status, (await jsonOf(refused)).error]).toEqual([503, 'temporarily_unavailable']);
    expect(refused.headers.get('retry-after')).not.toBeNull();
    expect((await postMcp(tokens.access_token, listTools)).status).toBe(403);
    await operate('POST', `/tenants/${member.tenant}/resume`);
    expect((await client.refresh(tokens.refresh_token)).status).toBe(200);
  });

  test('are revoked by their own client only', async () => {
    const member = await newMember();
    const [client, other] = [await newClient(), await newClient()];
    const tokens = await client.tokens(newBrowser(), member.key);
    expect((await other.post('/revoke', { token: tokens.refresh_token })).status).toBe(200);
    expect((await postMcp(tokens.access_token, listTools)).status).toBe(200);
    expect((await client.post('/revoke', { token: tokens.access_token })).status).toBe(200);
    expect((await postMcp(tokens.access_token, listTools)).status).toBe(401);
    expect((await client.refresh(tokens.refresh_token)).status).toBe(400);
  });

  test.each<[string, (tenant: string, member: string, grant: string) => Promise<unknown>]>([
    ['the grant is revoked', (tenant, _, grant) => operate('DELETE', `/tenants/${tenant}/tokens/${grant}`)],
    ['the member is removed', (tenant, member) => operate('DELETE', `/tenants/${tenant}/members/${member}`)],
    [
      'the tenant is erased and made again',
      async (tenant) => {
        await operate('DELETE', `/tenants/${tenant}`);
        await operate('POST', '/tenants', { id: tenant });
        await addMember(tenant);
      },
    ],
  ])('hold no longer when %s', async (_name, end) => {
    const member = await newMember();
    const client = await newClient();
    const browser = newBrowser();
    const tokens = await client.tokens(browser, member.key);
    const code = await client.code(browser, member.key);
    const { grants } = await operate('GET', `/tenants/${member.tenant}/grants`);
    await end(member.tenant, member.id, grants[0].token_id);
    expect((await postMcp(tokens.access_token, listTools)).status).toBe(401);
    const refused = await client.refresh(tokens.refresh_token);
    expect([refused.status, (await jsonOf(refused)).error]).toEqual([400, 'invalid_grant']);
    if (!_name.startsWith('the grant')) {
      expect((await client.redeem(code)).status).toBe(400);
      const page = await browser.open(client.authorizeUrl());
      expect(page.title).toBe('Sign in to mcp.test');
      expect((await browser.signIn(page, member.key)).status).toBe(403);
    }
  });

  test('a new key of a member ends the old one and what was signed in with it, but no grant', async () => {
    const member = await newMember();
    const client = await newClient();
    const browser = newBrowser();
    const tokens = await client.tokens(browser, member.key);
    const { key } = await operate('POST', `/tenants/${member.tenant}/members/${member.id}/key`);
    const page = await browser.open(client.authorizeUrl());
    expect((await browser.signIn(page, member.key)).status).toBe(403);
    expect((await browser.signIn(page, key)).status).toBe(200);
    expect((await client.refresh(tokens.refresh_token)).status).toBe(200);
  });
});
