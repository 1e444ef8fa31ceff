import { expect, test } from 'vitest';
import { openTenant } from '#host';

test('messages that each have a word of their own are two failures, unless it is an id', async () => {
  const tenant = await openTenant();
  const said = (error_message: string) => ({ error_type: 'DatabaseError', error_message });
  const found = async (message: string) => (await tenant.ok('scar_lookup', said(message))).match;
  await tenant.ok('scar_record', said('could not connect to redis on node7a: connection refused'));
  expect(await found('could not connect to postgres on node7a: connection refused')).toBe('none');
  expect(await found('could not connect to redis on node12b: connection refused')).toBe('similar');
  expect(await found('sync stopped: could not connect to redis: connection refused')).toBe('similar');
  expect(await found('redis connection')).toBe('similar');
  await tenant.ok('scar_record', said('worker left with exit code 1 after build'));
  expect(await found('worker left with exit code 2 after build')).toBe('none');
  expect(await found('worker left with exit code 1. after the build, attempt 4')).toBe('similar');
});
