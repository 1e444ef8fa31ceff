import { expect, test } from 'vitest';
import { continueTrace } from '../../src/telemetry/trace.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const OTHER_SPAN = 'b7ad6b7169203331';

const continueFrom = (...traceparents: unknown[]) =>
  continueTrace(...traceparents.map((traceparent) => ({ traceparent })));

test('a valid parent is continued in a new span', () => {
  const trace = continueTrace({ traceparent: `00-${TRACE}-${SPAN}-01` });
  expect(trace).toMatchObject({ traceId: TRACE, parentSpanId: SPAN });
  expect(trace.spanId).toMatch(/^[0-9a-f]{16}$/);
  expect(trace.spanId).not.toBe(SPAN);
});

test('the first valid candidate wins', () => {
  const other = 'c'.repeat(32);
  expect(continueFrom(undefined, 'junk', `00-${TRACE}-${SPAN}-00`, `00-${other}-${SPAN}-00`).traceId).toBe(
    TRACE,
  );
});

test('a later version may say more', () => {
  expect(continueFrom(`cc-${TRACE}-${SPAN}-01-what-comes-later`).traceId).toBe(TRACE);
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
  const trace = continueFrom(traceparent);
  expect(trace.traceId).toMatch(/^[0-9a-f]{32}$/);
  expect(trace.traceId).not.toBe(TRACE);
  expect(trace.parentSpanId).toBeUndefined();
});

test('the transport is linked when a message has a trace of its own', () => {
  const message = { traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: 'vendor=a' };
  const transport = { traceparent: `00-${'c'.repeat(32)}-${OTHER_SPAN}-01`, tracestate: 'vendor=b' };
  expect(continueTrace(message, transport)).toMatchObject({
    traceId: TRACE,
    parentSpanId: SPAN,
    traceState: 'vendor=a',
    linked: { traceId: 'c'.repeat(32), parentSpanId: OTHER_SPAN },
  });
  expect(continueTrace(message, message)).not.toHaveProperty('linked');
  expect(continueTrace({ traceparent: 'junk' }, transport)).not.toHaveProperty('linked');
});

test.each([undefined, 7, '', 'a=\n', 'ä=1', `a=${'x'.repeat(511)}`])(
  'the tracestate %j is not passed on',
  (tracestate) => {
    expect(continueTrace({ traceparent: `00-${TRACE}-${SPAN}-01`, tracestate })).not.toHaveProperty(
      'traceState',
    );
  },
);

test('a tracestate without a valid traceparent is not passed on', () => {
  expect(continueTrace({ traceparent: 'junk', tracestate: 'a=1' })).not.toHaveProperty('traceState');
});
