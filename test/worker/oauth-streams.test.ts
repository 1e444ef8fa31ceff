import { describe, test, vi } from 'vitest';
import { ACCESS_TOKEN_MS } from '../../src/edge/oauth/token.ts';
import { HttpTenant, operate } from '../support/http.ts';
import { addMember, newBrowser, newClient } from '../support/oauth-worker.ts';
import { write } from '../support/resources.ts';
import { soon } from '../support/streams-heard.ts';
import { EventReader, modern, OPENERS } from '../support/streams-worker.ts';

/** Streams that a client opened with the access token of a grant. */

type Open = (typeof OPENERS)[number][1];

const openListen: Open = async (granted) => {
  const { body, headers } = modern('subscriptions/listen', { notifications: { resourcesListChanged: true } });
  return new EventReader(await granted.post(body, headers));
};

/** @param afterMs how long after the access token was issued the stream is opened */
async function listening(afterMs = 0, open = openListen) {
  const tenant = await HttpTenant.create();
  const member = await addMember(tenant.id);
  const client = await newClient();
  const tokens = await client.tokens(newBrowser(), member.key);
  if (afterMs > 0) vi.useFakeTimers({ now: Date.now() + afterMs, toFake: ['Date'] });
  const { grants } = await operate('GET', `/tenants/${tenant.id}/grants`);
  const granted = new HttpTenant(tenant.id, { token_id: grants[0].token_id, token: tokens.access_token });
  const stream = await open(granted);
  return { tenant, member, client, tokens, granted, stream };
}

test.each(OPENERS)(
  'a stream of %s outlives the access token that it was opened with, and ends with the grant',
  async (_era, open) => {
    // It is valid for two seconds more at the most.
    const { tenant, granted, stream } = await listening(ACCESS_TOKEN_MS - 2000, open);
    vi.setSystemTime(Date.now() + ACCESS_TOKEN_MS);
    const later = await HttpTenant.issue(tenant.id);
    await write(later, 'after-the-hour', 1);
    await stream.untilTold('list');
    await operate('DELETE', `/tenants/${granted.id}/tokens/${granted.tokenId}`);
    await soon(stream.ended, 'the end of the stream');
    vi.useRealTimers();
  },
);

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
