import { describe, expect, test } from 'vitest';
import { fail, succeed } from '../../src/result.ts';
import type { ClientMessage, SessionId } from '../../src/tenant/contract/call.ts';
import { MAX_LISTENERS } from '../../src/tenant/streams/listeners.ts';
import { SESSION_IDLE_MS } from '../../src/transport-tools/session-store.ts';
import { createdCompartment } from '../support/compartment.ts';
import { ListeningTenant, uriOf } from '../support/streams-listener.ts';

const tenant = () => new ListeningTenant(createdCompartment());
const A = uriOf('a');

describe('a stream ends', () => {
  test('when its session has another', () => {
    const here = tenant();
    const session = here.session('a');
    const [first, other] = [here.listen(session), here.listen(here.session('a'))];
    const second = here.listen(session);
    expect([first.ended, second.ended, other.ended]).toEqual(['replaced', undefined, undefined]);
    // What ends last is the first one's socket: the session keeps its second.
    here.test.compartment.streams.detach(first, true);
    here.test.clock.now += SESSION_IDLE_MS;
    here.write('a', 1);
    expect([first.told, second.told, other.told]).toEqual([[], [A, 'list'], [A, 'list']]);
    expect(here.test.compartment.admit(here.tokenId, session).ok).toBe(true);
  });

  test('when its token is revoked, and nobody else’s', () => {
    const here = tenant();
    const other = new ListeningTenant(here.test);
    const [revoked, left] = [here.listen(here.session('a')), other.listen(other.session('a'))];
    here.test.compartment.administration.revokeToken(here.tokenId);
    other.write('a', 1);
    expect([revoked.ended, left.ended]).toEqual(['revoked', undefined]);
    expect([revoked.told, left.told]).toEqual([[], [A, 'list']]);
  });

  test.each([
    [
      'is suspended',
      'suspended',
      (here: ListeningTenant) => here.test.compartment.administration.setStatus('suspended'),
    ],
    ['is erased', 'gone', (here: ListeningTenant) => here.test.compartment.erased()],
  ] as const)('when its tenant %s', (_name, end, act) => {
    const here = tenant();
    const session = here.session();
    const listeners = [
      here.listen(session),
      here.listen(here.session()),
      here.listen(session, { kind: 'replies', key: 'k', cancelKey: 'c' }),
    ];
    act(here);
    expect(listeners.map(({ ended }) => ended)).toEqual([end, end, end]);
    expect(here.test.compartment.administration.describe()).toMatchObject({ value: { streams: 0 } });
  });

  test('when its session is closed, and not before that is kept', () => {
    const here = tenant();
    const [session, other] = [here.session('a'), here.session('a')];
    const [closed, left] = [here.listen(session), here.listen(other)];
    here.call('session_close', { session_id: session });
    expect([closed.ended, left.ended]).toEqual(['gone', undefined]);
    expect(here.test.compartment.streams.register(here.tokenId, session, { kind: 'changes' })).toEqual(
      fail({ reason: 'unknown_session' }),
    );
  });

  test('at once when there are too many, and takes no other’s place', () => {
    const here = tenant();
    const session = here.session();
    const replies = (n: number) => ({ kind: 'replies', key: `k${n}`, cancelKey: `c${n}` }) as const;
    const open = [...Array(MAX_LISTENERS).keys()].map((n) => here.listen(session, replies(n)));
    const late = here.listen(session, replies(MAX_LISTENERS));
    expect(late.ended).toBe('full');
    expect(open.every(({ ended }) => ended === undefined)).toBe(true);
    const [first] = open;
    if (first !== undefined) here.test.compartment.streams.detach(first, true);
    expect(here.listen(session, replies(0)).ended).toBeUndefined();
  });

  test('and what was opened for one stream ends with it, unless the stream only broke', () => {
    const here = tenant();
    const open = (session_id: string) => {
      here.call('stream_open', { session_id, list_changed: true, cells: [] });
      return here.listen(session_id as SessionId);
    };
    const rows = () => here.test.db.exec('SELECT id, attached FROM sessions ORDER BY id');
    const [left, broken] = [open('left'), open('broken')];
    here.test.compartment.streams.detach(left, true);
    here.test.compartment.streams.detach(broken, false);
    expect(rows()).toEqual([{ id: 'broken', attached: 0 }]);
    expect(here.listen('broken' as SessionId).ended).toBeUndefined();
    expect(rows()).toEqual([{ id: 'broken', attached: 1 }]);
  });
});

describe('a message', () => {
  test('reaches the stream of the session, or the request that waits for it, and no other', () => {
    const here = tenant();
    const [one, two] = [here.session(), here.session()];
    const stream = here.listen(one);
    const replies = here.listen(one, { kind: 'replies', key: 'k', cancelKey: 'c' });
    const others = [here.listen(two), here.listen(two, { kind: 'replies', key: 'k2', cancelKey: 'c2' })];
    const deliver = (session: SessionId, ...messages: ClientMessage[]) =>
      here.test.compartment.streams.deliver(here.tokenId, session, messages);
    const reply = (key: string, message: string) => ({ kind: 'reply', key, message }) as const;
    const cancel = { kind: 'cancel', cancelKey: 'c' } as const;
    expect(deliver(one, reply('k', 'for the request'), cancel)).toEqual(succeed(true));
    expect(deliver(one, reply('k2', 'for nobody'))).toEqual(succeed(false));
    const messages = (of: typeof stream) => of.notices.filter(({ kind }) => kind !== 'changes');
    expect(messages(stream)).toEqual([]);
    expect(messages(replies)).toEqual([
      { kind: 'message', message: 'for the request' },
      { kind: 'cancelled' },
    ]);
    for (const other of others) expect(messages(other)).toEqual([]);
    const stranger = here.test.issue();
    expect(here.test.compartment.streams.deliver(stranger, one, [reply('k', 'x')])).toEqual(
      fail({ reason: 'unknown_session' }),
    );
  });
});
