import { describe, expect, test, vi } from 'vitest';
import type { TokenKey } from '../../src/config.ts';
import {
  MAX_TOKEN_CHARS,
  type Principal,
  signToken,
  VerifiedTokens,
  verifyToken,
} from '../../src/edge/auth/tokens.ts';
import { parseTenantId, type TokenId } from '../../src/tenant/contract/call.ts';

const AUDIENCE = 'https://mcp.test/mcp';
const NOW = Date.UTC(2027, 0, 1);
const key = (kid: string, byte: number): TokenKey => ({ kid, secret: new Uint8Array(32).fill(byte) });
const [OLD, NEW, OTHER] = [key('2026', 1), key('2027', 2), key('2025', 3)];

function principal(overrides: Partial<Principal> = {}): Principal {
  const tenant = parseTenantId('acme');
  if (tenant === undefined) throw new Error('not a tenant id');
  return { tenant, tokenId: '0123456789abcdef01234567' as TokenId, expiresAt: NOW + 60_000, ...overrides };
}

describe('keys rotate by kid', () => {
  test('a token of either key is good, whichever of the two signs now', async () => {
    for (const signer of [OLD, NEW]) {
      const token = await signToken(signer, AUDIENCE, principal(), NOW);
      for (const keys of [
        [OLD, NEW],
        [NEW, OLD],
      ]) {
        expect(await verifyToken(keys, [AUDIENCE], token, NOW)).toEqual(principal());
      }
    }
  });

  test('a token of a key that was taken away is not', async () => {
    const token = await signToken(OLD, AUDIENCE, principal(), NOW);
    expect(await verifyToken([NEW], [AUDIENCE], token, NOW)).toBeUndefined();
    expect(await verifyToken([NEW, OTHER], [AUDIENCE], token, NOW)).toBeUndefined();
  });

  test('the kid chooses the key: another key is not tried', async () => {
    const token = await signToken({ kid: NEW.kid, secret: OLD.secret }, AUDIENCE, principal(), NOW);
    expect(await verifyToken([OLD, NEW], [AUDIENCE], token, NOW)).toBeUndefined();
  });
});

test.each([
  [NOW + 59_999, true],
  [NOW + 60_000, false],
  [NOW + 60_001, false],
])('at %i a token that ends at NOW + 60 s is good: %s', async (now, good) => {
  const token = await signToken(NEW, AUDIENCE, principal(), NOW);
  expect((await verifyToken([NEW], [AUDIENCE], token, now)) !== undefined).toBe(good);
});

test('a token is for one audience', async () => {
  const token = await signToken(NEW, AUDIENCE, principal(), NOW);
  expect(await verifyToken([NEW], ['https://mcp.test/mcp/'], token, NOW)).toBeUndefined();
});

test('a longer text than any token is not looked at', async () => {
  const token = await signToken(NEW, AUDIENCE, principal(), NOW);
  expect(token.length).toBeLessThan(MAX_TOKEN_CHARS / 4);
  expect(await verifyToken([NEW], [AUDIENCE], token + 'A'.repeat(MAX_TOKEN_CHARS), NOW)).toBeUndefined();
});

describe('verified tokens', () => {
  const remembering = (found: (token: string) => Principal | undefined) => {
    const verify = vi.fn(async (token: string) => found(token));
    return { verify, tokens: new VerifiedTokens(verify) };
  };

  test('are verified once and remembered until they end, not a millisecond longer', async () => {
    const { verify, tokens } = remembering(() => principal());
    for (const now of [NOW, NOW + 1, NOW + 59_999])
      expect(await tokens.principal('a', now)).toEqual(principal());
    expect(verify).toHaveBeenCalledTimes(1);
    verify.mockResolvedValue(undefined);
    expect(await tokens.principal('a', NOW + 60_000)).toBeUndefined();
    expect(verify).toHaveBeenCalledTimes(2);
  });

  test('that are not good are not remembered', async () => {
    const { verify, tokens } = remembering(() => undefined);
    await tokens.principal('a', NOW);
    await tokens.principal('a', NOW);
    expect(verify).toHaveBeenCalledTimes(2);
  });

  test('are at most a thousand: the oldest makes room', async () => {
    const { verify, tokens } = remembering(() => principal());
    for (let i = 0; i <= 1000; i++) await tokens.principal(`token ${i}`, NOW);
    verify.mockClear();
    await tokens.principal('token 1000', NOW);
    await tokens.principal('token 1', NOW);
    expect(verify).not.toHaveBeenCalled();
    await tokens.principal('token 0', NOW);
    expect(verify).toHaveBeenCalledTimes(1);
  });
});
