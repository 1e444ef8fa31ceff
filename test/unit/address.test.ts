import { expect, test } from 'vitest';
import { addressOf } from '../../src/edge/http/client-address.ts';

test.each([
  ['203.0.113.9', '203.0.113.9'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::6', '2001:db8:1:2::/64'],
  ['2001:db8::', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
])('%s is fenced as %s', (address, expected) => {
  expect(addressOf(new Request('https://mcp.test', { headers: { 'cf-connecting-ip': address } }))).toBe(
    expected,
  );
});

test('a request without an address is fenced with all such', () => {
  expect(addressOf(new Request('https://mcp.test'))).toBe('unknown');
});
