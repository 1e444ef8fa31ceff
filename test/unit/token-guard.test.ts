import { describe, expect, test } from 'vitest';
import { TokenGuard } from '../../src/edge/tenant-client/token-guard.ts';
import type { TokenId } from '../../src/tenant/contract/call.ts';

const T = 't' as TokenId;
const LIMIT = { rate: 10, burst: 3 };
/** A guard whose clock is in the hands of the test. */
class TestGuard extends TokenGuard {
  readonly clock: { now: number };

  constructor() {
    const clock = { now: 0 };
    super(LIMIT, () => clock.now);
    this.clock = clock;
  }

  checkAt(now: number, token = T) {
    this.clock.now = now;
    return this.check(token);
  }
}

const token = (name: string) => name as TokenId;

describe('what no bucket of a tenant pays for', () => {
  test('is paid from a small bucket of the token, with the time to wait', () => {
    const guard = new TestGuard();
    for (let n = 0; n < 3; n++) {
      expect(guard.checkAt(0)).toBeUndefined();
      guard.spend(T);
    }
    expect(guard.checkAt(0)).toEqual({ reason: 'too_many_requests', retryAfterMs: 100 });
    expect(guard.checkAt(99)).toEqual({ reason: 'too_many_requests', retryAfterMs: 1 });
    expect(guard.checkAt(100)).toBeUndefined();
    expect(guard.checkAt(0, token('other'))).toBeUndefined();
  });

  test('a call that its tenant charged costs nothing here', () => {
    const guard = new TestGuard();
    const failed = { code: 'invalid_input', message: '', retryable: false, trace_id: '' } as const;
    for (let n = 0; n < 10; n++) {
      guard.noteOutcome(T, 'tool', { kind: 'answer', json: '{}' });
      guard.noteOutcome(T, 'tool', { kind: 'error', error: failed });
      guard.noteOutcome(T, 'tool', { kind: 'unknown_tool' });
    }
    expect(guard.checkAt(0)).toBeUndefined();
    for (let n = 0; n < 3; n++)
      guard.noteOutcome(T, 'tool', { kind: 'error', error: { ...failed, code: 'rate_limited' } });
    expect(guard.checkAt(0)).toMatchObject({ reason: 'too_many_requests' });
  });

  test('a call is told the time that its tenant told, for a second at the most', () => {
    const guard = new TestGuard();
    const refused = (retry_after_ms: number) =>
      ({
        kind: 'error',
        error: { code: 'rate_limited', message: '', retryable: true, trace_id: '', retry_after_ms },
      }) as const;
    for (let n = 0; n < 3; n++) guard.noteOutcome(T, 'slow', refused(800));
    guard.noteOutcome(T, 'slower', refused(60_000));
    guard.clock.now = 50;
    expect(guard.check(T, 'slow')).toEqual({ reason: 'too_many_requests', retryAfterMs: 750 });
    expect(guard.check(T, 'slower')).toEqual({ reason: 'too_many_requests', retryAfterMs: 1000 });
    expect(guard.check(T, 'other')).toEqual({ reason: 'too_many_requests', retryAfterMs: 150 });
  });

  test('the tokens that one isolate knows are bounded', () => {
    const guard = new TestGuard();
    for (let n = 0; n < 3; n++) guard.spend(T);
    for (let n = 0; n < 2000; n++) guard.spend(token(`t${n}`));
    expect(guard.checkAt(0)).toBeUndefined();
  });
});

describe('a token that its tenant called invalid', () => {
  test('is refused without the tenant for a minute', () => {
    const guard = new TestGuard();
    guard.noteRefusal(T, { reason: 'invalid_token' });
    expect(guard.checkAt(59_999)).toEqual({ reason: 'invalid_token' });
    expect(guard.checkAt(60_000)).toBeUndefined();
  });

  test.each([{ reason: 'suspended' }, { reason: 'unavailable' }, { reason: 'unknown_session' }] as const)(
    'unlike one that was refused as %j',
    (refusal) => {
      const guard = new TestGuard();
      guard.noteRefusal(T, refusal);
      expect(guard.checkAt(0)).toBeUndefined();
    },
  );
});
