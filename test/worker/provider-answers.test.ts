import { type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { describe, expect, test, vi } from 'vitest';
import { FRESH_MS, MAX_ANSWER_BYTES } from '../../src/edge/oauth/provider.ts';
import { CLIENT_ID, CLIENT_SECRET, ISSUER, newSigner } from '../support/fake-openid.ts';
import { Browser, HandClient } from '../support/oauth-person.ts';
import { ORIGIN } from '../support/oauth-worker.ts';
import { linkOf, newAccount, useProviderRig } from '../support/provider-rig.ts';

/** What an OpenID provider may answer, and what is made of it. */

const rig = useProviderRig();

describe('an ID token', () => {
  const now = () => Math.floor(Date.now() / 1000);
  const changes: readonly (readonly [string, (claims: JWTPayload) => JWTPayload, number])[] = [
    ['of another issuer', (claims) => ({ ...claims, iss: 'https://evil.example' }), 403],
    ['of the issuer with a slash', (claims) => ({ ...claims, iss: `${ISSUER}/` }), 403],
    ['for somebody else', (claims) => ({ ...claims, aud: 'another' }), 403],
    ['for several, of whom none is named', (claims) => ({ ...claims, aud: [CLIENT_ID, 'another'] }), 403],
    ['for several, issued to another', (claims) => ({ ...claims, aud: [CLIENT_ID, 'x'], azp: 'x' }), 403],
    [
      'for several, issued to this one',
      (claims) => ({ ...claims, aud: [CLIENT_ID, 'x'], azp: CLIENT_ID }),
      200,
    ],
    ['issued to another', (claims) => ({ ...claims, azp: 'another' }), 403],
    ['with another nonce', (claims) => ({ ...claims, nonce: 'n'.repeat(43) }), 403],
    ['without a nonce', ({ nonce: _, ...claims }) => claims, 403],
    ['that has expired', (claims) => ({ ...claims, exp: now() - 60 }), 403],
    ['that never expires', ({ exp: _, ...claims }) => claims, 403],
    ['that is not valid yet', (claims) => ({ ...claims, nbf: now() + 300 }), 403],
    ['without a subject', ({ sub: _, ...claims }) => claims, 403],
    ['with a long subject', (claims) => ({ ...claims, sub: 's'.repeat(256) }), 403],
    ['of more than 16 KiB', (claims) => ({ ...claims, padding: 'x'.repeat(20_000) }), 403],
  ];
  test.each(changes)('%s', async (_name, change, status) => {
    const { account } = await newAccount();
    rig().provider.change = change;
    const { back } = await rig().signInAs(account);
    expect([back.status, back.values('as').length]).toEqual([status, status === 200 ? 1 : 0]);
  });

  const secret = new TextEncoder().encode(CLIENT_SECRET.padEnd(32, '0'));
  const signings: readonly (readonly [string, (claims: JWTPayload) => Promise<string>])[] = [
    ['by nobody (alg none)', async (claims) => new UnsecuredJWT(claims).encode()],
    [
      'by the secret that is shared',
      (claims) => new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(secret),
    ],
    [
      'by a key that is not published',
      async (claims) => rig().provider.signedBy(await newSigner('k1'), claims),
    ],
    [
      'under a name that is not published',
      async (claims) => rig().provider.signedBy(await newSigner('k9'), claims),
    ],
    [
      'with a key of its own',
      async (claims) => {
        const own = await newSigner('k1');
        const header = { alg: 'ES256', kid: 'k1', jwk: own.publicJwk as never };
        return new SignJWT(claims).setProtectedHeader(header).sign(own.privateKey);
      },
    ],
    [
      'and then changed',
      async (claims) => {
        const [header, , tag] = (await rig().provider.signedBy(rig().provider.signer, claims)).split('.');
        return [header, btoa(JSON.stringify({ ...claims, sub: 'eve' })).replace(/=+$/, ''), tag].join('.');
      },
    ],
  ];
  test.each(signings)('signed %s', async (_name, sign) => {
    const { account } = await newAccount();
    rig().provider.sign = sign;
    const { back } = await rig().signInAs(account);
    expect([back.status, back.values('as')]).toEqual([403, []]);
    expect(rig().logged.join()).toContain('id_token');
  });

  test('is taken by a new key at once, and keys are fetched no more often than that', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const { account } = await newAccount();
    await rig().signInAs(account);
    await rig().signInAs(account);
    const fetches = () => rig().provider.requests.filter(({ endpoint }) => endpoint === 'jwks').length;
    expect(fetches()).toBe(1);
    rig().provider.signer = await newSigner('k2');
    vi.setSystemTime(Date.now() + 31_000);
    expect((await rig().signInAs(account)).back.status).toBe(200);
    expect(fetches()).toBe(2);
    rig().provider.signer = await newSigner('k3');
    expect((await rig().signInAs(account)).back.status).toBe(403);
    expect(fetches()).toBe(2);
    vi.setSystemTime(Date.now() + FRESH_MS);
    expect((await rig().signInAs(account)).back.status).toBe(200);
  });
});

describe('a provider that misbehaves', () => {
  const MARK = 'upstream-mark';
  const answers: readonly (readonly [string, () => Response | Promise<Response>])[] = [
    ['is down', () => Promise.reject(new TypeError(`connect ${MARK}`))],
    ['is late', () => Promise.reject(new DOMException(MARK, 'TimeoutError'))],
    ['fails', () => new Response(MARK, { status: 500 })],
    ['refuses', () => new Response(`{"error":"${MARK}"}`, { status: 400 })],
    [
      'sends on',
      () => new Response(null, { status: 302, headers: { location: `https://${MARK}.example/` } }),
    ],
    [
      'sends a page',
      () => new Response(`<html>${MARK}</html>`, { headers: { 'content-type': 'text/html' } }),
    ],
    ['sends half of it', () => new Response(`{"issuer":"${MARK}`)],
    ['sends too much', () => new Response(JSON.stringify({ padding: MARK.repeat(MAX_ANSWER_BYTES / 10) }))],
    ['sends what is no text', () => new Response(new Uint8Array([0x22, 0xff, 0x22]))],
    ['sends nothing', () => new Response('')],
    ['sends null', () => Response.json(null)],
    ['sends a list', () => Response.json([MARK])],
    ['sends numbers', () => Response.json({ issuer: 1, token_endpoint: 2, id_token: 3, keys: 4, sub: 5 })],
    ['sends keys that are none', () => Response.json({ keys: [{ kty: MARK }, null], id_token: MARK })],
  ];
  const ENDPOINTS = ['metadata', 'token', 'jwks', 'userinfo'] as const;
  test.each(answers)(
    '%s, at any endpoint: nobody is signed in, nothing of it is shown or logged',
    async (_name, answer) => {
      const { key } = await newAccount();
      for (const endpoint of ENDPOINTS) {
        rig().restart();
        rig().provider.instead[endpoint] = answer;
        const client = await HandClient.register(ORIGIN, rig().here);
        const browser = new Browser(ORIGIN, rig().here);
        const asked = await browser.open(client.authorizeUrl());
        const sent = await browser.open(linkOf(asked));
        const location = sent.headers.get('location');
        expect(sent.status).toBe(endpoint === 'metadata' ? 503 : 302);
        const page =
          location === null ? sent : await browser.open(rig().provider.signIn(location, { sub: 'user-1' }));
        expect([endpoint, page.values('as')]).toEqual([endpoint, []]);
        expect([403, 503]).toContain(page.status);
        expect(page.html).not.toContain(MARK);
        // The key still opens the door.
        expect((await browser.signIn(page, key)).values('as')).toHaveLength(1);
        delete rig().provider.instead[endpoint];
      }
      expect(rig().logged.join()).toMatch(/provider_|id_token/);
      expect(rig().logged.join()).not.toContain(MARK);
    },
  );

  test.each([
    { issuer: 'https://evil.example' },
    { issuer: `${ISSUER}/` },
    { authorization_endpoint: 'javascript:alert(1)' },
    { authorization_endpoint: 'http://id.example/authorize' },
    { token_endpoint: 'http://127.0.0.1/token' },
    { token_endpoint: 'https://user:password@id.example/token' },
    { jwks_uri: 'file:///etc/passwd' },
    { jwks_uri: null },
    { userinfo_endpoint: 'ftp://id.example' },
    { token_endpoint_auth_methods_supported: 'client_secret_post' },
    { authorization_response_iss_parameter_supported: 'yes' },
  ])('whose metadata has %j is not used', async (metadata) => {
    rig().provider.metadata = metadata;
    const { page, location, browser } = await rig().goToProvider();
    expect(location).toBe('');
    expect((await browser.open(linkOf(page))).status).toBe(503);
    expect(rig().logged.join()).toContain('provider_metadata');
  });

  test('is asked again when it is back', async () => {
    rig().provider.instead.metadata = () => new Response(null, { status: 500 });
    expect((await rig().goToProvider()).location).toBe('');
    delete rig().provider.instead.metadata;
    expect((await rig().goToProvider()).location).toContain(ISSUER);
  });

  test('tells of another person at the userinfo endpoint: nobody is signed in', async () => {
    const { email } = await newAccount();
    rig().provider.info = { sub: 'somebody-else', email, email_verified: true };
    const { back } = await rig().signInAs({ sub: 'user-1' });
    expect([back.status, back.values('as')]).toEqual([403, []]);
  });
});
