import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CLIENTS, providerFor, SignInRig } from '../support/sign-in-clients.ts';

/** The clients of the SDKs through the whole sign-in, without a header of their own. The person is played by a program. */

let rig: SignInRig;
beforeAll(async () => {
  rig = await SignInRig.start();
});
afterAll(() => rig?.server.stop());

describe.each(CLIENTS)('%s', (_name, connect) => {
  test.each([
    ['127.0.0.1', '/mcp', 'cache_get'],
    ['localhost', '/mcp', 'cache_get'],
    ['127.0.0.1', '/mcp?tools=scar', 'scar_list'],
  ])('signs in at %s%s', async (hostname, path, tool) => {
    const { key } = await rig.newPerson();
    const url = rig.at(hostname, path);
    const provider = providerFor(url, key);
    const client = await connect(url, provider);
    expect(await client.tools()).toContain(tool);
    if (path.includes('tools')) expect(provider.kept?.scope).toBe('scar:read scar:write');
    expect(provider.issuer).toBe(url.origin);
    await client.close();
  });

  test('refreshes, alone and eight times at once, without the person', async () => {
    const { key } = await rig.newPerson();
    const url = rig.at('127.0.0.1');
    const provider = providerFor(url, key);
    await (await connect(url, provider)).close();
    const spoil = () => {
      provider.kept = { ...provider.kept, access_token: 'eyJhbGciOiJIUzI1NiJ9.e30.x', token_type: 'Bearer' };
    };
    spoil();
    const client = await connect(url, provider);
    expect(await client.tools()).toContain('cache_get');
    await client.close();
    spoil();
    const before = provider.kept;
    const copies = Array.from({ length: 8 }, () => {
      const copy = providerFor(url, key);
      copy.client = provider.client;
      copy.kept = before;
      return copy;
    });
    const clients = await Promise.all(copies.map((copy) => connect(url, copy)));
    for (const each of clients) expect(await each.tools()).toContain('cache_get');
    expect(new Set(copies.map(({ kept }) => kept?.refresh_token)).size).toBe(1);
    expect([provider, ...copies].map(({ answers }) => answers.length)).toEqual([1, ...Array(8).fill(0)]);
    await Promise.all(clients.map((each) => each.close()));
  });

  test('asks the person anew when the grant was revoked', async () => {
    const { tenant, key } = await rig.newPerson();
    const url = rig.at('127.0.0.1');
    const provider = providerFor(url, key);
    await (await connect(url, provider)).close();
    const { grants } = await rig.operator.request('GET', `/tenants/${tenant}/grants`);
    const [grant] = grants as { token_id: string }[];
    await rig.operator.request('DELETE', `/tenants/${tenant}/tokens/${grant?.token_id}`);
    await expect(connect(url, provider)).rejects.toThrow();
    expect(provider.answers.length).toBe(2);
  });

  test('registers again when its registration is not known any more', async () => {
    const { key } = await rig.newPerson();
    const url = rig.at('127.0.0.1');
    const provider = providerFor(url, key);
    await (await connect(url, provider)).close();
    const gone = 'bhd_k1.gone.gone';
    provider.client = { client_id: gone };
    provider.kept = { ...provider.kept, access_token: 'old', token_type: 'Bearer' };
    await expect(connect(url, provider)).rejects.toThrow();
    expect(provider.client.client_id).not.toBe(gone);
    expect(provider.answers.length).toBe(2);
  });

  test('keeps its refresh token while the tenant is suspended, and asks nobody', async () => {
    const { tenant, key } = await rig.newPerson();
    const url = rig.at('127.0.0.1');
    const provider = providerFor(url, key);
    await (await connect(url, provider)).close();
    await rig.operator.request('POST', `/tenants/${tenant}/suspend`);
    await expect(connect(url, provider)).rejects.toThrow();
    expect(provider.kept?.refresh_token).toMatch(/^bhr_/);
    await rig.operator.request('POST', `/tenants/${tenant}/resume`);
    const client = await connect(url, provider);
    expect(await client.tools()).toContain('cache_get');
    expect(provider.answers.length).toBe(1);
    await client.close();
  });
});
