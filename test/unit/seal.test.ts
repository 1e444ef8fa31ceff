import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seal, unseal } from '../../src/tenant/storage/seal.ts';

test('what was sealed is unsealed, with the same key only', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: 'grapheme-ascii' }),
      fc.string({ unit: 'grapheme-ascii' }),
      (payload, key, other) => {
        fc.pre(key !== other);
        const sealed = seal(key, 'test', payload);
        expect(sealed).toMatch(/^[A-Za-z0-9_-]+$/);
        expect(unseal(key, 'test', sealed)).toBe(payload);
        expect(unseal(other, 'test', sealed)).toBeUndefined();
      },
    ),
  );
});

test('what was sealed for one purpose is not unsealed for another', () => {
  const text = () => fc.string({ unit: 'grapheme-ascii', maxLength: 6 });
  fc.assert(
    fc.property(text(), text(), text(), (payload, purpose, other) => {
      fc.pre(purpose !== other);
      expect(unseal('key', other, seal('key', purpose, payload))).toBeUndefined();
    }),
  );
  // The end of a purpose cannot pass for the beginning of a payload.
  const [tag, moved] = [seal('key', 'ab', 'c'), seal('key', 'a', 'bc')].map((sealed) =>
    Buffer.from(sealed, 'base64url').subarray(0, 16).toString('hex'),
  );
  expect(tag).not.toBe(moved);
});

test('a changed text is not unsealed', () => {
  const sealed = seal('key', 'test', 'page 2');
  for (let at = 0; at < sealed.length; at++) {
    const changed = sealed.slice(0, at) + (sealed[at] === 'A' ? 'B' : 'A') + sealed.slice(at + 1);
    expect(unseal('key', 'test', changed)).toBeUndefined();
  }
  for (const text of ['', 'A', sealed.slice(1), `${sealed}A`, `${sealed}=`, ` ${sealed}`, 'not base64url!']) {
    expect(unseal('key', 'test', text)).toBeUndefined();
  }
});
