import { describe, expect, test, vi } from 'vitest';
import { KEEP_ALIVE_MS } from '../../src/edge/http/event-stream.ts';
import { QUICK_ANSWER_MS, respondLate } from '../../src/edge/http/late-response.ts';
import { FakeTime } from '../support/fake-time.ts';

const problem = { status: 503, code: 'unavailable' };

async function started() {
  const time = new FakeTime();
  const onGone = vi.fn();
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  const state: { response?: Response } = {};
  const responded = respondLate(promise, onGone, time.later).then((response) => {
    state.response = response;
    return response;
  });
  return { time, onGone, resolve, reject, state, responded };
}

describe('a response', () => {
  test('that is ready within a second is returned as it is', async () => {
    const { time, resolve, responded, state } = await started();
    await time.elapse(QUICK_ANSWER_MS - 1);
    expect(state.response).toBeUndefined();
    const quick = Response.json(problem, { status: 503 });
    resolve(quick);
    expect(await responded).toBe(quick);
  });

  test.each([
    ['an answer', Response.json({ events: [] }), { events: [] }],
    ['a late error', Response.json(problem, { status: 503 }), problem],
  ])('that is later begins with white space, and ends with its body: %s', async (_name, late, body) => {
    const { time, onGone, resolve, state } = await started();
    await time.elapse(QUICK_ANSWER_MS);
    expect(state.response?.status).toBe(200);
    expect(state.response?.headers.get('content-type')).toBe('application/json');
    await time.elapse(3 * KEEP_ALIVE_MS);
    resolve(late);
    const text = (await state.response?.text()) ?? '';
    expect(text.slice(0, 4)).toBe('\n\n\n\n');
    expect(JSON.parse(text)).toEqual(body);
    expect(onGone).not.toHaveBeenCalled();
    // Nothing is written after the end.
    await time.elapse(10 * KEEP_ALIVE_MS);
  });

  test('whose client is gone is no longer kept alive, and its call is told so once', async () => {
    const { time, onGone, resolve, state } = await started();
    await time.elapse(QUICK_ANSWER_MS);
    await state.response?.body?.cancel();
    expect(onGone).toHaveBeenCalledTimes(1);
    await time.elapse(10 * KEEP_ALIVE_MS);
    resolve(Response.json({}));
    await time.elapse(0);
    expect(onGone).toHaveBeenCalledTimes(1);
  });

  test('that fails late breaks the body off', async () => {
    const { time, reject, state } = await started();
    await time.elapse(QUICK_ANSWER_MS);
    const text = state.response?.text();
    reject(new Error('the tenant is gone'));
    await expect(text).rejects.toThrow('the tenant is gone');
  });
});
