import { describe, test, vi } from 'vitest';
import { ACCESS_TOKEN_MS } from '../../src/edge/oauth/token.ts';
import { HttpTenant, operate } from '../support/http.ts';
import { addMember, newBrowser, newClient } from '../support/oauth-worker.ts';
import { write } from '../support/resources.ts';
import { soon } from '../support/streams-heard.ts';
import { EventReader, modern } from '../support/streams-worker.ts';

/** Streams that a client opened with the access token of a grant. */

/** @param afterMs how long after the access token was issued the stream is opened */
async function listening(afterMs = 0) {
  const tenant = await HttpTenant.create();
  const member = await addMember(tenant.id);
  const client = await newClient();
  const tokens = await client.tokens(newBrowser(), member.key);
  if (afterMs > 0) vi.useFakeTimers({ now: Date.now() + afterMs, toFake: ['Date'] });
  const { grants } = await operate('GET', `/tenants/${tenant.id}/grants`);
  const granted = new HttpTenant(tenant.id, { token_id: grants[0].token_id, token: tokens.access_token });
  const { body, headers } = modern('subscriptions/listen', { notifications: { resourcesListChanged: true } });
  const stream = new EventReader(await granted.post(body, headers));
  return { tenant, member, client, tokens, granted, stream };
}

test('a stream outlives the access token that it was opened with', async () => {
  // It is valid for a second more at the most.
  const { tenant, stream } = await listening(ACCESS_TOKEN_MS - 1000);
  vi.setSystemTime(Date.now() + ACCESS_TOKEN_MS);
  const later = await HttpTenant.issue(tenant.id);
  await write(later, 'after-the-hour', 1);
  await stream.untilTold('list');
  await stream.leave();
});

describe('a stream ends at once when', () => {
  type Listening = Awaited<ReturnType<typeof listening>>;
  test.each<[string, (of: Listening) => Promise<unknown>]>([
    [
      'its grant is revoked',
      ({ granted }) => operate('DELETE', `/tenants/${granted.id}/tokens/${granted.tokenId}`),
    ],
    [
      'its member is removed',
      ({ tenant, member }) => operate('DELETE', `/tenants/${tenant.id}/members/${member.id}`),
    ],
    [
      'its client ends the grant',
      ({ client, tokens }) => client.post('/revoke', { token: tokens.refresh_token }),
    ],
    ['its tenant is suspended', ({ tenant }) => operate('POST', `/tenants/${tenant.id}/suspend`)],
    ['its tenant is erased', ({ tenant }) => operate('DELETE', `/tenants/${tenant.id}`)],
  ])('%s', async (_name, end) => {
    const of = await listening();
    await end(of);
    await soon(of.stream.ended, 'the end of the stream');
  });
});
