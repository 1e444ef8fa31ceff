import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { jwtVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import { ToolError } from '../../src/tools/errors.ts';
import { CLIENT, granted, openOAuth, TOKEN_URL } from '../support/oauth-service.ts';

/** Credentials by OAuth 2.0: how a token is got, who shares it, and what happens when one is refused. */

const failureOf = async (work: Promise<unknown>): Promise<ToolError> => {
  const cause: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (cause instanceof ToolError) return cause;
  throw new Error(`it did not fail as expected: ${cause}`);
};
const REFRESHING = { ...CLIENT, grant: 'refresh_token', clientAuth: 'none' } as const;
const first = { credential: { refresh: 'CANARY-REFRESH-0' }, client: REFRESHING };
const unauthorized = () => new Response('', { status: 401 });

describe('the client', () => {
  test('proves who it is by HTTP Basic, form-encoded, with all that was set', async () => {
    const client = { ...CLIENT, scope: 'read write', resource: 'https://crm.example.com/', audience: 'crm' };
    const { call, asked, received } = await openOAuth({ token: () => granted() }, { client });
    expect(await (await call().crm.fetch('a')).status).toBe(200);
    expect(asked).toEqual([
      {
        form: {
          grant_type: 'client_credentials',
          scope: 'read write',
          resource: 'https://crm.example.com/',
          audience: 'crm',
        },
        authorization: `Basic ${btoa('bulk+head:CANARY+secret')}`,
      },
    ]);
    expect(received).toEqual(['Bearer CANARY-TOKEN-1']);
  });

  test('or in the body', async () => {
    const client = { ...CLIENT, clientAuth: 'client_secret_post' } as const;
    const { call, asked } = await openOAuth({ token: () => granted() }, { client });
    await call().crm.fetch('a');
    expect(asked).toEqual([
      {
        form: { grant_type: 'client_credentials', client_id: 'bulk head', client_secret: 'CANARY secret' },
        authorization: null,
      },
    ]);
  });

  test.each([
    ['rsa', 'RS256', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['ec', 'ES256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['ed25519', 'EdDSA', () => generateKeyPairSync('ed25519')],
  ] as const)('or by an assertion that its private key signs: %s', async (_kind, alg, generate) => {
    const { privateKey, publicKey } = generate();
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const client = { ...CLIENT, clientAuth: 'private_key_jwt', keyId: 'k7' } as const;
    const rig = await openOAuth({ token: () => granted() }, { client, credential: { client: pem } });
    await rig.call().crm.fetch('a');
    const { client_assertion: assertion = '', ...form } = rig.asked[0]?.form ?? {};
    expect(form).toEqual({
      grant_type: 'client_credentials',
      client_id: 'bulk head',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    });
    const { payload, protectedHeader } = await jwtVerify(
      assertion,
      createPublicKey(publicKey.export({ type: 'spki', format: 'pem' })),
      {
        audience: TOKEN_URL,
        issuer: 'bulk head',
        subject: 'bulk head',
        requiredClaims: ['jti', 'exp', 'iat'],
        currentDate: new Date(rig.test.clock.now),
      },
    );
    expect(protectedHeader).toEqual({ alg, kid: 'k7' });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(60);
  });
});

describe('a token', () => {
  test('is shared by calls until shortly before its end, and is not in the clear in the database', async () => {
    let given = 0;
    const rig = await openOAuth({ token: () => granted({ access_token: `CANARY-TOKEN-${++given}` }) });
    await rig.call().crm.fetch('a');
    rig.test.clock.now += 3_539_000;
    const { crm } = rig.call({ request: () => Promise.reject(new Error('the tenant was asked')) });
    await crm.fetch('a');
    rig.test.clock.now += 1000;
    await rig.call().crm.fetch('a');
    expect(rig.received).toEqual(
      ['CANARY-TOKEN-1', 'CANARY-TOKEN-1', 'CANARY-TOKEN-2'].map((t) => `Bearer ${t}`),
    );
    expect(JSON.stringify(rig.test.db.exec('SELECT * FROM connections'))).not.toContain('CANARY');
  });

  test.each([
    ['without a stated end is used for five minutes', { expires_in: undefined }, 269_999, 270_000],
    ['with its end as text too', { expires_in: '300' }, 269_999, 270_000],
    ['with a strange end too', { expires_in: 'soon' }, 269_999, 270_000],
    ['for very long is used for a day', { expires_in: 1e12 }, 86_339_999, 86_340_000],
    ['for very short is used by its own call', { expires_in: 0 }, -1, 0],
  ])('%s', async (_name, more, still, over) => {
    const rig = await openOAuth({ token: () => granted(more) });
    const { crm } = rig.call();
    await crm.fetch('a');
    await crm.fetch('a');
    const start = rig.test.clock.now;
    if (still >= 0) {
      rig.test.clock.now = start + still;
      await rig.call().crm.fetch('a');
    }
    expect(rig.asked).toHaveLength(1);
    rig.test.clock.now = start + over;
    await rig.call().crm.fetch('a');
    expect(rig.asked).toHaveLength(2);
  });

  test('is got by one call at a time, while the others wait', async () => {
    const waiting = () => rig.waits.length;
    const token = async () => {
      while (waiting() < 7) await new Promise((resolve) => setImmediate(resolve));
      return granted();
    };
    const rig = await openOAuth({ token }, { isAlone: false });
    const calls = Array.from({ length: 8 }, () => rig.call().crm.fetch('a'));
    expect((await Promise.all(calls)).map(({ status }) => status)).toEqual(Array(8).fill(200));
    expect(rig.asked).toHaveLength(1);
  });

  test('that the service refuses is replaced once, for all calls, and then the refusal stands', async () => {
    let given = 0;
    const good = 'Bearer CANARY-TOKEN-2';
    let accepted = good;
    const rig = await openOAuth({
      token: () => granted({ access_token: `CANARY-TOKEN-${++given}` }),
      api: (authorization) => (authorization === accepted ? Response.json({}) : unauthorized()),
    });
    await rig
      .call()
      .crm.fetch('a')
      .catch(() => undefined);
    // A token this young is not replaced: another one would be refused as well.
    expect([rig.asked.length, rig.received.length]).toEqual([1, 1]);
    rig.test.clock.now += 10_001;
    const two = [rig.call().crm.fetch('a', { method: 'POST' }), rig.call().crm.fetch('a')];
    expect((await Promise.all(two)).map(({ status }) => status)).toEqual([200, 200]);
    expect(rig.asked).toHaveLength(2);
    accepted = 'none';
    rig.test.clock.now += 10_001;
    const before = rig.received.length;
    expect(await (await rig.call().crm.fetch('a')).status).toBe(401);
    expect([rig.asked.length, rig.received.length - before]).toEqual([3, 2]);
  });

  test('is not asked for by a call that may not use the connection', async () => {
    const rig = await openOAuth({ token: () => granted() });
    rig.test.db.exec(
      `UPDATE connections SET target = replace(target, '${TOKEN_URL}', 'https://10.0.0.1/token')`,
    );
    expect(await failureOf(rig.call().crm.fetch('a'))).toMatchObject({ code: 'forbidden' });
    expect(rig.asked).toEqual([]);
  });

  test.each([
    ['another token endpoint', TOKEN_URL, 'https://evil.example.com/token'],
    ['another client', 'bulk head', 'evil'],
    ['another method', 'client_secret_basic', 'client_secret_post'],
    ['another service', 'https://crm.example.com/api/', 'https://evil.example.com/'],
  ])('and the credential do not open for %s', async (_name, before, after) => {
    const rig = await openOAuth({ token: () => granted() });
    await rig.call().crm.fetch('a');
    rig.test.db.exec('UPDATE connections SET target = replace(target, ?, ?)', before, after);
    rig.test.clock.now += 10_001;
    expect(await failureOf(rig.call().crm.fetch('a'))).toMatchObject({ code: 'forbidden' });
    expect([rig.asked.length, rig.received.length]).toEqual([1, 1]);
  });
});

describe('a refresh token', () => {
  const rotating = () => {
    let given = 0;
    const valid = new Set(['CANARY-REFRESH-0']);
    return (form: Readonly<Record<string, string>>) => {
      // Each is good for one use, as OAuth 2.1 asks of public clients.
      if (!valid.delete(form.refresh_token ?? ''))
        return Response.json({ error: 'invalid_grant' }, { status: 400 });
      valid.add(`CANARY-REFRESH-${++given}`);
      return granted({ access_token: `CANARY-TOKEN-${given}`, refresh_token: `CANARY-REFRESH-${given}` });
    };
  };

  test('that is replaced with each use is stored encrypted, and used by the next call', async () => {
    const endpoint = rotating();
    const rig = await openOAuth({ token: ({ form }) => endpoint(form) }, first);
    for (let n = 0; n < 3; n++) {
      await rig.call().crm.fetch('a');
      rig.test.clock.now += 3_600_000;
    }
    expect(rig.asked.map(({ form }) => form)).toEqual(
      [0, 1, 2].map((n) => ({
        grant_type: 'refresh_token',
        refresh_token: `CANARY-REFRESH-${n}`,
        client_id: 'bulk head',
      })),
    );
    expect(JSON.stringify(rig.test.db.exec('SELECT * FROM connections'))).not.toContain('CANARY');
  });

  test('is kept when the endpoint gives no new one', async () => {
    const rig = await openOAuth({ token: () => granted() }, first);
    for (let n = 0; n < 2; n++) {
      await rig.call().crm.fetch('a');
      rig.test.clock.now += 3_600_000;
    }
    expect(rig.asked.map(({ form }) => form.refresh_token)).toEqual(['CANARY-REFRESH-0', 'CANARY-REFRESH-0']);
  });

  test('is stored although the client of the call has left, and although the tenant does not answer at first', async () => {
    const endpoint = rotating();
    const left = new AbortController();
    const rig = await openOAuth(
      {
        token: ({ form }) => {
          left.abort();
          return endpoint(form);
        },
      },
      first,
    );
    let attempts = 0;
    const settle = (...given: Parameters<typeof rig.tokens.settle>) =>
      ++attempts < 3 ? Promise.reject(new Error('the tenant has moved')) : rig.tokens.settle(...given);
    await rig
      .call({ settle }, left.signal)
      .crm.fetch('a')
      .catch(() => undefined);
    await Promise.all(rig.kept);
    expect(attempts).toBe(3);
    await rig.call().crm.fetch('a');
    rig.test.clock.now += 3_600_000;
    await rig.call().crm.fetch('a');
    expect(rig.asked.map(({ form }) => form.refresh_token)).toEqual(['CANARY-REFRESH-0', 'CANARY-REFRESH-1']);
  });

  test('that was lost, because a process ended before it was stored, is reported as that', async () => {
    const endpoint = rotating();
    const rig = await openOAuth({ token: ({ form }) => endpoint(form) }, first);
    await failureOf(rig.call({ settle: () => Promise.reject(new Error('gone')) }).crm.fetch('a'));
    // Until its time is over, nobody knows whether the renewal still goes on.
    rig.test.clock.now += 15_001;
    const failure = await failureOf(rig.call().crm.fetch('a'));
    expect(failure.code).toBe('forbidden');
    expect(failure.message).toMatch(/invalid_grant.*was interrupted.*connection rotate/);
  });

  test('that the operator replaces meanwhile wins over the renewal', async () => {
    const rig = await openOAuth(
      {
        token: async () => {
          rig.connections.remove('crm');
          return granted({ refresh_token: 'CANARY-REFRESH-1' });
        },
      },
      first,
    );
    expect(await failureOf(rig.call().crm.fetch('a'))).toMatchObject({ code: 'unavailable' });
    expect(rig.test.db.exec('SELECT * FROM connections')).toEqual([]);
  });
});

describe('a token endpoint', () => {
  test.each([
    ['is down', () => Promise.reject(new Error('ECONNREFUSED 10.0.0.1')), 5000],
    ['fails', () => new Response('CANARY', { status: 500 }), 5000],
    ['asks to come later', () => new Response('', { status: 429, headers: { 'retry-after': '7' } }), 7000],
    ['answers no JSON', () => new Response('CANARY'), 5000],
    ['answers another type of token', () => granted({ token_type: 'DPoP' }), 5000],
    ['answers a token that is no header', () => granted({ access_token: 'a\r\nb' }), 5000],
    ['answers without a token', () => Response.json({ error: 'CANARY' }), 5000],
    ['answers without end', () => new Response('x'.repeat(3 * 1024 * 1024)), 5000],
  ])('that %s is unavailable, for the breaker too', async (_name, token, retry_after_ms) => {
    const rig = await openOAuth({ token });
    const { crm, connections } = rig.call();
    const failure = await failureOf(crm.fetch('a'));
    expect(failure).toMatchObject({ code: 'unavailable', detail: { retry_after_ms } });
    expect(failure.message).not.toMatch(/CANARY|10\.0\.0\.1/);
    expect(connections.uses()).toEqual([{ name: 'crm', succeeded: 0, failed: 1 }]);
    expect([rig.asked.length, rig.received.length]).toEqual([1, 0]);
  });

  test('that is slow counts as failed, although it answers', async () => {
    const rig = await openOAuth({
      token: () => {
        rig.test.clock.now += 8000;
        return granted();
      },
    });
    const { crm, connections } = rig.call();
    await crm.fetch('a');
    expect(connections.uses()).toEqual([{ name: 'crm', succeeded: 1, failed: 1 }]);
  });

  test.each([
    ['the client', 401, { error: 'invalid_client', error_description: 'CANARY' }, 'invalid_client'],
    ['what is asked for', 400, { error: 'invalid_scope' }, 'invalid_scope'],
    ['in words of its own', 400, { error: 'CANARY' }, 'status_400'],
    ['by a redirect', 302, {}, 'redirect'],
  ])('that refuses %s says so, and is left alone for some time', async (_name, status, body, error) => {
    const rig = await openOAuth({ token: () => Response.json(body, { status }) });
    const { crm, connections } = rig.call();
    const failure = await failureOf(crm.fetch('a'));
    expect(failure).toMatchObject({ code: 'forbidden' });
    expect(failure.message).toContain(`(${error})`);
    expect(failure.message).not.toContain('CANARY');
    expect(connections.uses()).toEqual([{ name: 'crm', succeeded: 0, failed: 0 }]);
    expect((await failureOf(rig.call().crm.fetch('a'))).message).toBe(failure.message);
    expect(rig.asked).toHaveLength(1);
    rig.test.clock.now += 10_001;
    await failureOf(rig.call().crm.fetch('a'));
    expect(rig.asked).toHaveLength(2);
  });

  test('that is renewed without end by another call is waited for no longer than twenty seconds', async () => {
    const rig = await openOAuth({ token: () => granted() });
    const { crm } = rig.call({ request: async () => ({ kind: 'wait' }) });
    expect(await failureOf(crm.fetch('a'))).toMatchObject({ code: 'unavailable' });
    expect(rig.waits.reduce((sum, ms) => sum + ms, 0)).toBeLessThan(20_000);
  });
});
