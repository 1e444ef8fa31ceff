import { expect, test } from 'vitest';
import { networkOf } from '../../src/edge/http/network.ts';

test.each([
  ['203.0.113.9', '203.0.113.9'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::6', '2001:db8:1:2::/64'],
  ['2001:db8::', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['unknown', 'unknown'],
])('%s is fenced as %s', (address, expected) => {
  expect(networkOf(address)).toBe(expected);
});
