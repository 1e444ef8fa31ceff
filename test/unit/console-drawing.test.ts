import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { diffLines } from '../../src/edge/console/diff.ts';
import { withCodes } from '../../src/edge/console/shown-text.ts';
import { waterfallOf } from '../../src/edge/console/waterfall.ts';
import type { Entry } from '../../src/tenant/records/reading/entry.ts';

const START = Date.UTC(2026, 10, 26, 14);

/** A call as the records have it. */
const call = (id: number, beginMs: number, tookMs: number, more: Partial<Entry> = {}): Entry => ({
  id,
  at: new Date(START + beginMs + tookMs).toISOString(),
  took_ms: tookMs,
  times: 1,
  run: 1,
  tool: 'blackboard_read',
  outcome: 'answer',
  token_id: 'a'.repeat(24),
  transport: 'mcp',
  bytes_in: 0,
  bytes_out: 0,
  rev_from: 0,
  rev_to: 0,
  work: 1,
  ...more,
});

describe('the line of time of a run', () => {
  test('orders calls by their start, and shows what a call has waited', () => {
    const { bars, begin } = waterfallOf([
      call(1, 500, 10, { tool: 'b' }),
      call(2, 0, 1000, { tool: 'a', wait_ms: 400 }),
    ]);
    expect(begin).toBe(START);
    expect(bars.map(({ calls }) => calls[0]?.tool)).toEqual(['a', 'b']);
    expect(bars.map(({ bar }) => bar)).toEqual([
      { x: 0, width: 1000 },
      { x: 500, width: 10 },
    ]);
    expect(bars[0]?.waited).toEqual({ x: 0, width: 400 });
  });

  test('shortens more than two seconds without a call, and says how many', () => {
    const hour = 3_600_000;
    const { bars, gaps, foldedMs } = waterfallOf([call(1, 0, 100), call(2, hour, 100, { tool: 'b' })]);
    expect(foldedMs).toBe(hour - 100);
    expect(gaps).toHaveLength(1);
    for (const { bar } of bars) expect(bar.width).toBeGreaterThan(400);
  });

  test('folds four calls and more that are alike and change nothing, and no others', () => {
    const alike = [0, 1, 2, 3].map((n) => call(n + 1, n * 10, 5));
    expect(waterfallOf(alike).bars).toHaveLength(1);
    expect(waterfallOf(alike.slice(1)).bars).toHaveLength(3);
    expect(waterfallOf(alike.map((one, n) => ({ ...one, rev_from: n, rev_to: n + 1 }))).bars).toHaveLength(4);
    expect(
      waterfallOf(alike.map((one, n) => ({ ...one, status: n === 2 ? 'conflict' : 'ok' }))).bars,
    ).toHaveLength(4);
  });

  test('draws every bar inside the drawing, whatever the calls are', () => {
    const calls = fc.array(fc.tuple(fc.nat(1e8), fc.nat(1e6)), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(calls, (some) => {
        const { bars, gaps } = waterfallOf(some.map(([begin, took], n) => call(n + 1, begin, took)));
        expect(bars.reduce((sum, bar) => sum + bar.calls.length, 0)).toBe(some.length);
        for (const { x, width } of [...bars.map(({ bar }) => bar), ...gaps]) {
          expect(x).toBeGreaterThanOrEqual(0);
          expect(width).toBeGreaterThan(0);
          expect(x + width).toBeLessThanOrEqual(1004);
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe('the difference of two texts', () => {
  test('is what was removed and what was added', () => {
    expect(diffLines('a\nb\nc', 'a\nc\nd')?.map(({ kind, text }) => `${kind} ${text}`)).toEqual([
      'same a',
      'removed b',
      'same c',
      'added d',
    ]);
  });

  test('contains both texts, whatever they are', () => {
    const text = fc
      .array(fc.constantFrom('a', 'b', 'c', ''), { minLength: 1, maxLength: 20 })
      .map((lines) => lines.join('\n'));
    fc.assert(
      fc.property(text, text, (before, after) => {
        const lines = diffLines(before, after) ?? [];
        const without = (kind: string) =>
          lines
            .filter((line) => line.kind !== kind)
            .map((line) => line.text)
            .join('\n');
        expect([without('added'), without('removed')]).toEqual([before, after]);
      }),
      { numRuns: 100 },
    );
  });

  test('is not made of texts with too many lines', () => {
    expect(diffLines('x\n'.repeat(601), 'x')).toBeUndefined();
  });
});

test.each([
  ['\u202Egnp.exe', '⟨U+202E⟩gnp.exe'],
  ['a\u0000b\u007F\u009F\r', 'a⟨U+0000⟩b⟨U+007F⟩⟨U+009F⟩⟨U+000D⟩'],
  ['\u2066\u2069\u200B\u200D\uFEFF\u00AD', '⟨U+2066⟩⟨U+2069⟩⟨U+200B⟩⟨U+200D⟩⟨U+FEFF⟩⟨U+00AD⟩'],
  ['x\u2028y\u2029', 'x⟨U+2028⟩y⟨U+2029⟩'],
  ['\uD83Dx', '⟨U+D83D⟩x'],
  ['\u{E0041}', '⟨U+E0041⟩'],
  ['a\u3164b\u2800c\u034Fd\uFE01\u115F', 'a⟨U+3164⟩b⟨U+2800⟩c⟨U+034F⟩d⟨U+FE01⟩⟨U+115F⟩'],
  ['⚠\uFE0F x\uFE0F', '⚠\uFE0F x⟨U+FE0F⟩'],
  ['line\n\ttab, ünïcode 😀 עברית', 'line\n\ttab, ünïcode 😀 עברית'],
])('what cannot be seen is shown as a code: %j', (text, shown) => {
  expect(withCodes(text)).toBe(shown);
});
