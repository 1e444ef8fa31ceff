import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { confidenceOf } from '../../src/tools/scar/confidence.ts';
import { OUTCOMES, STATES, stateAfterOccurrence, stateAfterReport } from '../../src/tools/scar/state.ts';
import { type Evidence, TRANSIENT_MS, verdictOf } from '../../src/tools/scar/verdict.ts';

const reports = fc.nat(100_000);

describe('confidence', () => {
  test.each([
    [0, 0, 0],
    [1, 0, 0.2065],
    [2, 0, 0.3424],
    [3, 0, 0.4385],
    [4, 0, 0.5101],
    [1, 1, 0.0945],
    [8, 2, 0.4902],
    [0, 1, 0],
    [0, 50, 0],
    [100, 0, 0.963],
  ])('%i worked and %i failed: %f', (worked, failed, expected) => {
    expect(confidenceOf(worked, failed)).toBeCloseTo(expected, 4);
  });

  test('is between 0 and the share that worked', () => {
    fc.assert(
      fc.property(reports, reports, (worked, failed) => {
        const confidence = confidenceOf(worked, failed);
        expect(confidence).toBeGreaterThanOrEqual(0);
        expect(confidence).toBeLessThanOrEqual(worked + failed === 0 ? 0 : worked / (worked + failed));
      }),
    );
  });

  test('rises with every report that it worked and falls with every other', () => {
    fc.assert(
      fc.property(reports, reports, (worked, failed) => {
        expect(confidenceOf(worked + 1, failed)).toBeGreaterThan(confidenceOf(worked, failed));
        const fallen = confidenceOf(worked, failed + 1);
        if (worked === 0) expect(fallen).toBe(0);
        else expect(fallen).toBeLessThan(confidenceOf(worked, failed));
      }),
    );
  });
});

describe('states', () => {
  test.each([
    ['open', 'open'],
    ['resolved', 'regressed'],
    ['regressed', 'regressed'],
    ['muted', 'muted'],
    ['archived', 'archived'],
  ] as const)('%s seen again is %s', (before, after) => {
    expect(stateAfterOccurrence(before)).toBe(after);
  });

  test.each([
    ['open', 'worked', 'resolved'],
    ['regressed', 'worked', 'resolved'],
    ['resolved', 'worked', 'resolved'],
    ['open', 'failed', 'open'],
    ['resolved', 'failed', 'regressed'],
    ['regressed', 'failed', 'regressed'],
    ['resolved', 'not_applicable', 'resolved'],
    ['resolved', 'wrong_match', 'resolved'],
  ] as const)('%s after %s is %s', (before, outcome, after) => {
    expect(stateAfterReport(before, outcome)).toBe(after);
  });

  test.each(STATES.filter((state) => state === 'muted' || state === 'archived'))('%s stays', (state) => {
    for (const outcome of OUTCOMES) expect(stateAfterReport(state, outcome)).toBe(state);
  });
});

describe('verdict', () => {
  const NOW = 1_800_000_000_000;
  const known: Evidence = {
    state: 'open',
    class: 'unknown',
    occurrences: 1,
    runHits: 0,
    confidence: 0,
    lastSeen: NOW,
  };
  const hopeless = { class: 'deterministic', occurrences: 3 } as const;

  test.each<[string, Partial<Evidence> | undefined, string, string]>([
    ['nothing matched', undefined, 'clear', 'no_match'],
    ['a match', {}, 'caution', 'known_failure'],
    ['a match of long ago', { lastSeen: 0 }, 'caution', 'known_failure'],
    ['resolved', { state: 'resolved' }, 'caution', 'known_failure'],
    ['muted', { state: 'muted', runHits: 9 }, 'clear', 'hidden'],
    ['archived', { state: 'archived', runHits: 9 }, 'clear', 'hidden'],
    ['hit once by the run', { runHits: 1 }, 'caution', 'known_failure'],
    ['hit twice by the run', { runHits: 2 }, 'stop', 'repeated_in_run'],
    ['hit twice, with a proven fix', { runHits: 2, confidence: 0.9 }, 'stop', 'repeated_in_run'],
    ['deterministic, seen twice', { class: 'deterministic', occurrences: 2 }, 'caution', 'known_failure'],
    ['deterministic, seen three times', hopeless, 'stop', 'deterministic_without_fix'],
    ['with a weak fix', { ...hopeless, confidence: 0.4999 }, 'stop', 'deterministic_without_fix'],
    ['with a standing fix', { ...hopeless, confidence: 0.5 }, 'caution', 'known_failure'],
    ['unknown class, seen often', { occurrences: 99 }, 'caution', 'known_failure'],
    ['environmental', { class: 'environmental', runHits: 9, occurrences: 99 }, 'caution', 'environmental'],
    ['transient, hit twice', { class: 'transient', runHits: 2 }, 'stop', 'repeated_in_run'],
    [
      'transient, a millisecond before it expires',
      { class: 'transient', lastSeen: NOW - TRANSIENT_MS + 1 },
      'caution',
      'known_failure',
    ],
    [
      'transient, as it expires',
      { class: 'transient', lastSeen: NOW - TRANSIENT_MS, runHits: 2 },
      'clear',
      'transient_expired',
    ],
  ])('%s', (_name, evidence, verdict, reason) => {
    expect(verdictOf(evidence && { ...known, ...evidence }, NOW)).toEqual({ verdict, reason });
  });

  test('an environmental failure never stops', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.nat(),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (hits, seen, confidence) => {
          const evidence = {
            ...known,
            class: 'environmental',
            runHits: hits,
            occurrences: seen,
            confidence,
          } as const;
          expect(verdictOf(evidence, NOW).verdict).toBe('caution');
        },
      ),
    );
  });
});
