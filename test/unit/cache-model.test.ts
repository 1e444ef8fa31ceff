import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openDatabase } from '../../src/local/database.ts';
import { readMigrations } from '../../src/local/migrations.ts';
import { migrate } from '../../src/tenant/storage/migrate.ts';
import { ANSWER_BYTES } from '../../src/tools/answer-budget.ts';
import { cacheGet } from '../../src/tools/cache/get.ts';
import { cacheInvalidate } from '../../src/tools/cache/invalidate.ts';
import { leaseTopic } from '../../src/tools/cache/lease.ts';
import { cacheSet } from '../../src/tools/cache/set.ts';
import { cacheStats } from '../../src/tools/cache/stats.ts';
import { sweepCache } from '../../src/tools/cache/sweep.ts';
import { NotYet, type Tool, type ToolContext } from '../../src/tools/tool.ts';
import {
  type Answering,
  CacheModel,
  LEASE_GRACE_MS,
  type Lookup,
  type Naming,
  QUESTIONS,
} from '../support/cache-model.ts';

const RUNS = 2500;
const START = Date.UTC(2026, 0, 1);

type Operation =
  | { readonly op: 'get'; question: number; lookup: Lookup; wait: 'no' | 'may' | 'waited' }
  /** `lease` is an index into all leases granted so far; 0 is the latest. */
  | { readonly op: 'set'; question: number; answer: Answering; lease: number | undefined }
  | { readonly op: 'invalidate'; naming: Naming; dry: boolean }
  | { readonly op: 'time'; ms: number }
  | { readonly op: 'sweep'; limit: number };

const question = fc.nat({ max: QUESTIONS.length - 1 });
const seconds = fc.constantFrom(1, 2, 3);
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const namespace = optional(fc.constantFrom('n', 'm'));
const tag = fc.constantFrom('t', 'u');

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      op: fc.constant('get' as const),
      question,
      lookup: fc.record({ max_age_s: seconds, lease_s: seconds }, { requiredKeys: [] }),
      wait: fc.constantFrom('no' as const, 'may' as const, 'waited' as const),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      op: fc.constant('set' as const),
      question,
      answer: fc
        .record({
          kind: fc.constantFrom('response' as const, 'response' as const, 'error' as const),
          value: fc.constantFrom('x', 'y', 'z', ''),
          ttl_s: seconds,
          stale_s: fc.constantFrom(0, 2),
          tags: fc.uniqueArray(tag),
        })
        .map((answer) => (answer.kind === 'error' ? { ...answer, stale_s: 0 } : answer)),
      lease: optional(fc.constantFrom(0, 0, 1, 2)),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant('invalidate' as const),
      naming: fc.oneof(
        fc.record({ namespace, all: fc.constant(true as const) }),
        fc.record({ namespace, model: fc.constantFrom('a', 'b') }),
        fc.record({ namespace, tag }),
        fc.record({ namespace, question }),
      ),
      dry: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant('time' as const),
      ms: fc.constantFrom(1, 999, 1000, 1001, 2000, LEASE_GRACE_MS - 1, LEASE_GRACE_MS),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant('sweep' as const), limit: fc.constantFrom(1, 100) }),
  },
);

const db = openDatabase();
migrate(db, readMigrations());

/** The tools on an empty database, and the model. */
function both() {
  for (const table of ['entries', 'asked', 'leases', 'lost_tags', 'invalidations', 'days'])
    db.exec(`DELETE FROM cache_${table}`);
  const model = new CacheModel(START);
  const leases: string[] = [];
  const state = { rev: 0 };
  const run = (tool: Tool, args: object, waiting: { mayWait: boolean; waited: boolean }) => {
    const touched = new Set<string>();
    const notStubbed = () => {
      throw new Error('not for a cache tool');
    };
    const context: ToolContext = {
      sql: db,
      now: model.now,
      author: { principal: 'p' },
      nextRev: () => ++state.rev,
      headRev: () => state.rev,
      answerBytes: ANSWER_BYTES,
      requireWritable: () => undefined,
      requireReadable: () => undefined,
      touch: (topic) => void touched.add(topic),
      keepsExpiries: notStubbed,
      allowance: notStubbed,
      seal: notStubbed,
      unseal: notStubbed,
      ...waiting,
    };
    // As a caller gets it: stored text is printed as it is.
    const answer = tool.run(tool.input.parse(args), context);
    return { said: answer instanceof NotYet ? answer : JSON.parse(JSON.stringify(answer)), touched };
  };
  return { model, leases, run };
}

const AT_ONCE = { mayWait: false, waited: false };
const keys = QUESTIONS.map((args) => {
  const { said } = both().run(cacheGet, args, AT_ONCE);
  return said instanceof NotYet ? '' : String(Reflect.get(said, 'key'));
});

/** Applies an operation to both and compares their answers. */
function step({ model, leases, run }: ReturnType<typeof both>, operation: Operation): void {
  model.woken.clear();
  if (operation.op === 'time') {
    model.now += operation.ms;
  } else if (operation.op === 'sweep') {
    expect(sweepCache(db, model.now, operation.limit)).toBeLessThanOrEqual(operation.limit);
  } else if (operation.op === 'get') {
    const waiting = { mayWait: operation.wait === 'may', waited: operation.wait === 'waited' };
    const args = { ...QUESTIONS[operation.question], ...operation.lookup };
    const expected = model.get(operation.question, operation.lookup, waiting.mayWait, waiting.waited);
    const { said } = run(cacheGet, args, waiting);
    if (said instanceof NotYet) {
      expect({ status: 'wait', until: said.until, topic: said.topic }).toEqual({
        ...expected,
        topic: leaseTopic(keys[operation.question] ?? ''),
      });
      return;
    }
    const { leased = false, ...answer } = expected;
    expect(said).toMatchObject(answer);
    const id = Reflect.get(said, 'lease_id');
    expect(id !== undefined, 'whether there is a lease').toBe(leased);
    if (id === undefined) return;
    leases.unshift(String(id));
    model.granted(operation.question, String(id));
  } else if (operation.op === 'set') {
    const { kind, value, ...rest } = operation.answer;
    const id = operation.lease === undefined ? undefined : leases[operation.lease];
    const args = { ...QUESTIONS[operation.question], [kind]: value, ...rest, lease_id: id };
    const { said, touched } = run(cacheSet, args, AT_ONCE);
    expect(said).toMatchObject(model.set(operation.question, operation.answer, id));
    for (const woken of model.woken) expect(touched).toContain(leaseTopic(keys[woken] ?? ''));
  } else {
    const { naming, dry } = operation;
    const target =
      'question' in naming ? { namespace: naming.namespace, keys: [keys[naming.question]] } : naming;
    const { said, touched } = run(cacheInvalidate, { ...target, dry_run: dry }, AT_ONCE);
    if (dry) return;
    expect(said).toMatchObject(model.invalidate(naming));
    for (const woken of model.woken) expect(touched).toContain(leaseTopic(keys[woken] ?? ''));
  }
}

test('any sequence of calls is answered as the model answers it', () => {
  fc.assert(
    fc.property(fc.array(operation, { minLength: 1, maxLength: 14 }), (operations) => {
      const cache = both();
      for (const operation of operations) step(cache, operation);
      const { said } = cache.run(cacheStats, { days: 30 }, AT_ONCE);
      // A counter of 0 is left out.
      const zeros = { stale: 0, negative: 0, coalesced: 0, rejected: 0 };
      expect({ ...zeros, ...said }).toMatchObject({
        ...cache.model.counted,
        entries: cache.model.servable,
      });
      // After everything has expired, the sweep leaves only tables that are bounded by themselves.
      const end = cache.model.now + 2 * LEASE_GRACE_MS;
      while (sweepCache(db, end, 3) === 3);
      for (const table of ['entries', 'bodies', 'tags', 'text', 'leases', 'lost_tags', 'invalidations'])
        expect(db.exec(`SELECT 1 FROM cache_${table}`), table).toEqual([]);
    }),
    { numRuns: RUNS },
  );
});
