import { expect, test } from 'vitest';
import { type ScarCall, stopsOf } from '../../src/tenant/records/reading/stops.ts';

const call = (id: number, isStop: boolean, more: Partial<ScarCall> = {}): ScarCall => ({
  id,
  isStop,
  run: 1,
  token: 't',
  about: 'deploy',
  agent: null,
  ...more,
});
const stop = (id: number, more?: Partial<ScarCall>) => call(id, true, more);
const report = (id: number, more?: Partial<ScarCall>) => call(id, false, more);

test.each<[string, ScarCall[], (number | undefined)[]]>([
  ['a report before it', [report(1), stop(2)], [undefined]],
  ['nothing after it', [stop(1)], [undefined]],
  ['a failure of the same tool after it', [stop(1), report(2), report(3)], [2]],
  ['a failure of another tool', [stop(1), report(2, { about: 'test' })], [undefined]],
  ['a failure of a tool without a name', [stop(1), report(2, { about: null })], [2]],
  ['a failure in another run', [stop(1), report(2, { run: 2 })], [undefined]],
  ['a failure of another token', [stop(1), report(2, { token: 'u' })], [undefined]],
  ['a failure of another agent', [stop(1, { agent: 'a' }), report(2, { agent: 'b' })], [undefined]],
  ['a failure of an agent without a name', [stop(1, { agent: 'a' }), report(2)], [2]],
  ['two stops and one failure between them', [stop(1), report(2), stop(3)], [2, undefined]],
])('%s', (_, calls, reports) => {
  expect(stopsOf(calls).map((known) => known.report?.id)).toEqual(reports);
});
