import { expect, test } from 'vitest';
import { continueTrace } from '../../src/telemetry/trace.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

test('a valid parent is continued in a new span', () => {
  const trace = continueTrace(`00-${TRACE}-${SPAN}-01`);
  expect(trace).toMatchObject({ traceId: TRACE, parentSpanId: SPAN });
  expect(trace.spanId).toMatch(/^[0-9a-f]{16}$/);
  expect(trace.spanId).not.toBe(SPAN);
});

test('the first valid candidate wins', () => {
  const other = 'c'.repeat(32);
  expect(continueTrace(undefined, 'junk', `00-${TRACE}-${SPAN}-00`, `00-${other}-${SPAN}-00`).traceId).toBe(
    TRACE,
  );
});

test('a later version may say more', () => {
  expect(continueTrace(`cc-${TRACE}-${SPAN}-01-what-comes-later`).traceId).toBe(TRACE);
});

test.each([
  [undefined],
  [null],
  [42],
  [''],
  [`00-${TRACE.toUpperCase()}-${SPAN}-01`],
  [`00-${'0'.repeat(32)}-${SPAN}-01`],
  [`00-${TRACE}-${'0'.repeat(16)}-01`],
  [`ff-${TRACE}-${SPAN}-01`],
  [`00-${TRACE}-${SPAN}-01-more`],
  [`00-${TRACE}-${SPAN}`],
  [`00-${TRACE.slice(1)}-${SPAN}-01`],
  [` 00-${TRACE}-${SPAN}-01`],
  [`cc-${TRACE}-${SPAN}-01-${'x'.repeat(600)}`],
])('%s starts a new trace', (traceparent) => {
  const trace = continueTrace(traceparent);
  expect(trace.traceId).toMatch(/^[0-9a-f]{32}$/);
  expect(trace.traceId).not.toBe(TRACE);
  expect(trace.parentSpanId).toBeUndefined();
});
