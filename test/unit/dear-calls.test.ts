import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { openDatabase } from '../../src/local/database.ts';
import type { CallOutcome } from '../../src/tenant/contract/call.ts';
import { parseArguments } from '../../src/tools/arguments.ts';
import { callRequest, createdCompartment, type TestCompartment } from '../support/compartment.ts';

/** The dearest calls of at most 64 KB that could be constructed, against the largest cells: what they read, parse and answer. */

const MIB = 1024 * 1024;
const KIB = 1024;
const MAX_ARGS = 64 * KIB;
const MAX_READ_BYTES = 5.5 * MIB;
const MAX_ANSWER_BYTES = 8 * MIB;
/** Stored text that a call parses: a MiB of small values takes up to 50 ms. */
const MAX_PARSED_CHARS = MIB;
/** Unicode's normalisation takes time by the square of a run of marks: 30,000 of them half a second. */
const MAX_NORMALISED_CHARS = 8 * KIB;

const sequence = (count: number) => [...Array(count).keys()];
const members = (count: number) =>
  Object.fromEntries(sequence(count).map((n) => [`m${n.toString(36)}`, n % 10]));
/** Values of nearly 1 MiB. */
const LARGE: Readonly<Record<string, unknown>> = {
  ascii: 'x'.repeat(1000 * KIB),
  chinese: '数'.repeat(333 * KIB),
  backslashes: '\\'.repeat(500 * KIB),
  members: members(90_000),
  numbers: Array(99_000).fill(1_234_567),
  'text of an object': JSON.stringify(members(60_000)),
  'text of a list': JSON.stringify(Array(99_000).fill(0)),
};
const COPIES = 16;
const keysOf = (kind: string, count: number) => sequence(count).map((n) => `${kind}/${n}`);

let tenant: TestCompartment;
let token: ReturnType<TestCompartment['issue']>;
let readBytes = 0;

beforeAll(() => {
  const db = openDatabase();
  const counted: typeof db = {
    ...db,
    exec: (query, ...bindings) => {
      const rows = db.exec(query, ...bindings);
      for (const row of rows)
        for (const value of Object.values(row))
          if (typeof value === 'string') readBytes += Buffer.byteLength(value);
      return rows as never;
    },
  };
  tenant = createdCompartment({ db: counted });
  token = tenant.issue();
  for (const [kind, value] of Object.entries(LARGE))
    for (const key of keysOf(kind, kind === 'chinese' ? COPIES : 5))
      tenant.call(token, 'blackboard_write', { key, value });
}, 60_000);
afterAll(() => vi.restoreAllMocks());

interface Measured {
  readonly outcome: CallOutcome;
  readonly read: number;
  readonly parsed: number;
  readonly normalised: number;
}

function measured(tool: string, args: object, transport: 'mcp' | 'v1' = 'mcp'): Measured {
  expect(Buffer.byteLength(JSON.stringify(args))).toBeLessThanOrEqual(MAX_ARGS);
  const { parse } = JSON;
  let parsed = 0;
  let normalised = 0;
  vi.spyOn(JSON, 'parse').mockImplementation((text: string, ...rest) => {
    parsed += text.length;
    return parse(text, ...rest);
  });
  const { normalize } = String.prototype;
  vi.spyOn(String.prototype, 'normalize').mockImplementation(function (this: string, form?: string) {
    normalised = Math.max(normalised, this.length);
    return normalize.call(this, form);
  });
  readBytes = 0;
  const request = callRequest(token, tool, args, tenant.clock.now);
  const outcome = tenant.compartment.call({ ...request, caller: { ...request.caller, transport } });
  vi.restoreAllMocks();
  if (outcome instanceof Promise) throw new Error(`${tool} waits`);
  return { outcome, read: readBytes, parsed, normalised };
}

const marks = '\u0301\u0323'.repeat(15_000);
const KINDS = Object.keys(LARGE);
const SHAPES: readonly (readonly [what: string, tool: string, args: object])[] = [
  ...KINDS.flatMap((kind) => {
    const entries = (mode: string, value: unknown) => ({
      entries: keysOf(kind, 5).map((key) => ({ key, value, mode })),
    });
    const keys = { keys: keysOf(kind, COPIES), max_bytes: MIB };
    return [
      [`${kind}: whole`, 'blackboard_read', keys],
      [`${kind}: a part that there is not`, 'blackboard_read', { ...keys, path: '/none/1' }],
      [`${kind}: an item`, 'blackboard_read', { ...keys, path: '/70000' }],
      [`${kind}: as of a revision`, 'blackboard_read', { ...keys, at_rev: 40 }],
      [`${kind}: merge`, 'blackboard_write', entries('merge', { m1: 2 })],
      [`${kind}: merge of what is there`, 'blackboard_write', entries('merge', { m1: 1 })],
      [`${kind}: append`, 'blackboard_write', entries('append', 1)],
      [`${kind}: increment`, 'blackboard_write', entries('increment', 1)],
      [
        `${kind}: conflicts`,
        'blackboard_write',
        { entries: keysOf(kind, 5).map((key) => ({ key, value: 1, if_rev: 0 })) },
      ],
    ] as const;
  }),
  ['marks as names', 'blackboard_claim', { by: marks.slice(0, 25_000), key: 'a' }],
  ['marks as tags', 'blackboard_list', { tags: [marks.slice(0, 25_000)] }],
  ['marks as a model', 'cache_get', { model: marks.slice(0, 25_000), prompt: 'a' }],
  ['marks as an error', 'scar_lookup', { error_type: 'E', error_message: marks.slice(0, 8 * KIB) }],
];

describe.each(['mcp', 'v1'] as const)('by %s', (transport) => {
  test.each(SHAPES)('%s (%s)', (_what, tool, args) => {
    const { outcome, read, parsed, normalised } = measured(tool, args, transport);
    expect(read, 'bytes read').toBeLessThanOrEqual(MAX_READ_BYTES);
    expect(parsed, 'characters parsed').toBeLessThanOrEqual(MAX_PARSED_CHARS);
    expect(normalised, 'characters normalised').toBeLessThanOrEqual(MAX_NORMALISED_CHARS);
    const bytes = outcome.kind === 'answer' ? Buffer.byteLength(outcome.json) : 0;
    expect(bytes, 'bytes answered').toBeLessThanOrEqual(MAX_ANSWER_BYTES);
  });
});

test('of thousands of faults only those that are named are looked at', () => {
  let listed = 0;
  const given = Object.fromEntries(sequence(5000).map((n) => [`k${n}`, 1]));
  const args = new Proxy(given, {
    ownKeys: (target) => {
      listed++;
      return Reflect.ownKeys(target);
    },
  });
  const tool = { name: 'tool', input: z.strictObject({ key: z.string().optional() }) };
  expect(() => parseArguments(tool, args)).toThrow('and 4995 more.');
  expect(listed).toBeLessThan(20);
});

test('a merge that changes nothing passes over no more text than one call may write', () => {
  const entries = keysOf('members', 5).map((key) => ({ key, value: { m1: 1 }, mode: 'merge' }));
  const several = measured('blackboard_write', { entries });
  expect(several.outcome).toMatchObject({ kind: 'error', error: { code: 'too_large' } });
  expect(several.read).toBeLessThan(1.2 * MIB);
  const one = measured('blackboard_write', entries[0] ?? {});
  expect(one.outcome.kind === 'answer' && JSON.parse(one.outcome.json).status).toBe('unchanged');
});

test('ten cells of many folders are claimed by one search, the oldest first', () => {
  const db = openDatabase();
  let searches = 0;
  const { compartment, clock, issue } = createdCompartment({
    db: {
      ...db,
      exec: (query, ...bindings) => {
        if (/FROM board_tags .* CROSS JOIN board_cells/s.test(query)) searches++;
        return db.exec(query, ...bindings);
      },
    },
  });
  const worker = issue();
  const call = (tool: string, args: object) => {
    const outcome = compartment.call(callRequest(worker, tool, args, clock.now));
    if (outcome instanceof Promise || outcome.kind !== 'answer') throw new Error(JSON.stringify(outcome));
    return JSON.parse(outcome.json);
  };
  const keys = sequence(300).map((n) => `folder-${(n * 7) % 300}/cell`);
  for (const key of keys) call('blackboard_write', { key, value: 1, tags: ['a', 'b'] });
  const { items } = call('blackboard_claim', { by: 'w', prefix: 'folder-', tags: ['a', 'b'], count: 10 });
  expect(items.map(({ key }: { key: string }) => key)).toEqual(keys.slice(0, 10));
  expect(searches).toBe(1);
  expect(call('blackboard_claim', { by: 'w', prefix: 'folder-', tags: ['a', 'b'] }).key).toBe(keys[10]);
});
