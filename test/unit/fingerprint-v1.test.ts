import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fingerprintOfV1, subjectOfV1 } from '../../src/tools/scar/fingerprint-v1/fingerprint.ts';
import { redactSecretsV1 } from '../../src/tools/scar/fingerprint-v1/secrets.ts';
import vectors from '../vectors/fingerprint-v1.json' with { type: 'json' };

test.each(vectors.map((vector) => [vector.name, vector] as const))(
  'version 1 is as published: %s',
  (_name, { input, normalised, fingerprint }) => {
    expect(subjectOfV1(input)).toBe(normalised);
    expect(fingerprintOfV1(input)).toBe(fingerprint);
  },
);

describe('what version 1 reads by code is what its published patterns matched', () => {
  const PRIVATE_KEY =
    /-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----[\s\S]{0,16384}?(?:-----END [A-Z ]{0,32}PRIVATE KEY-----|$)/g;
  const JWT = /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}/g;
  const byPatterns = (text: string) =>
    text.replace(PRIVATE_KEY, '[redacted:private_key]').replace(JWT, '[redacted:jwt]');
  const texts = (pieces: readonly string[]) =>
    fc.array(fc.constantFrom(...pieces), { maxLength: 40 }).map((parts) => parts.join(''));

  test('JSON Web Tokens', () => {
    const pieces = ['eyJ', 'eyJabcdefgh', 'abcd', 'a', '.', '..', '-', '_', ' ', 'x'];
    fc.assert(
      fc.property(texts(pieces), (text) => {
        expect(redactSecretsV1(text)).toBe(byPatterns(text));
      }),
      { numRuns: 2000 },
    );
  });

  test('private keys', () => {
    const pieces = [
      '-----BEGIN PRIVATE KEY-----',
      '-----BEGIN A PRIVATE KEY-----',
      '-----END A PRIVATE KEY-----',
      '-----END PRIVATE KEY',
      'x'.repeat(9000),
      '\n',
      '-',
    ];
    fc.assert(
      fc.property(texts(pieces), (text) => {
        expect(redactSecretsV1(text)).toBe(byPatterns(text));
      }),
      { numRuns: 300 },
    );
  });
});
