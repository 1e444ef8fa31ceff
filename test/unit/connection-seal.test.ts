import { expect, test } from 'vitest';
import { openSecret, rewrapSecret, type SecretOwner, sealSecret } from '../../src/connections/seal.ts';

const SECRET = 'Bearer CANARY-SECRET';
const OLD = { kid: 'old', secret: new Uint8Array(32).fill(1) };
const NEW = { kid: 'new', secret: new Uint8Array(32).fill(2) };
const target = {
  kind: 'http',
  url: 'https://crm.example.com/api/',
  header: 'Authorization',
  internal: false,
} as const;
const owner: SecretOwner = { tenant: 'acme', instance: 'i1', name: 'crm', target };

test('a secret opens for its owner, and is not in what is stored', async () => {
  const sealed = await sealSecret(OLD, owner, SECRET);
  expect(await openSecret([NEW, OLD], owner, sealed)).toBe(SECRET);
  const stored = JSON.stringify(sealed);
  expect(stored + Buffer.from(sealed.data, 'base64url').toString('latin1')).not.toContain('CANARY');
  expect((await sealSecret(OLD, owner, SECRET)).data).not.toBe(sealed.data);
});

test.each<[string, SecretOwner]>([
  ['another tenant', { ...owner, tenant: 'other' }],
  ['a tenant of the same name that was created later', { ...owner, instance: 'i2' }],
  ['another connection', { ...owner, name: 'erp' }],
  ['another origin', { ...owner, target: { ...target, url: 'https://evil.example.com/api/' } }],
  ['another port', { ...owner, target: { ...target, url: 'https://crm.example.com:444/api/' } }],
  ['another path prefix', { ...owner, target: { ...target, url: 'https://crm.example.com/' } }],
  ['another header', { ...owner, target: { ...target, header: 'X-Echo' } }],
  ['a destination that the operator has not allowed', { ...owner, target: { ...target, internal: true } }],
])('a row that was copied to %s does not open', async (_name, thief) => {
  const sealed = await sealSecret(OLD, owner, SECRET);
  expect(await openSecret([OLD], thief, sealed)).toBeUndefined();
  expect(await rewrapSecret([NEW, OLD], thief, sealed)).toBeUndefined();
});

test('parts of two rows do not make one, and no other key opens it', async () => {
  const sealed = await sealSecret(OLD, owner, SECRET);
  const other = await sealSecret(OLD, { ...owner, name: 'erp' }, 'Bearer other');
  for (const part of ['wrapIv', 'wrappedKey', 'iv', 'data'] as const)
    expect(await openSecret([OLD], owner, { ...sealed, [part]: other[part] })).toBeUndefined();
  expect(await openSecret([NEW], owner, sealed)).toBeUndefined();
  expect(await openSecret([{ ...NEW, kid: 'old' }], owner, sealed)).toBeUndefined();
});

test('a row is moved to a new key, after which the old one is not needed', async () => {
  const sealed = await sealSecret(OLD, owner, SECRET);
  const moved = await rewrapSecret([NEW, OLD], owner, sealed);
  if (moved === undefined) throw new Error('it was not moved');
  expect(moved).toMatchObject({ kid: 'new', data: sealed.data });
  expect(await openSecret([NEW], owner, moved)).toBe(SECRET);
  expect(await openSecret([OLD], owner, moved)).toBeUndefined();
});
