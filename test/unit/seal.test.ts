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
        const sealed = seal(key, payload);
        expect(sealed).toMatch(/^[A-Za-z0-9_-]+$/);
        expect(unseal(key, sealed)).toBe(payload);
        expect(unseal(other, sealed)).toBeUndefined();
      },
    ),
  );
});

test('a changed text is not unsealed', () => {
  const sealed = seal('key', 'page 2');
  for (let at = 0; at < sealed.length; at++) {
    const changed = sealed.slice(0, at) + (sealed[at] === 'A' ? 'B' : 'A') + sealed.slice(at + 1);
    expect(unseal('key', changed)).toBeUndefined();
  }
  for (const text of ['', 'A', sealed.slice(1), `${sealed}A`, `${sealed}=`, ` ${sealed}`, 'not base64url!']) {
    expect(unseal('key', text)).toBeUndefined();
  }
});
