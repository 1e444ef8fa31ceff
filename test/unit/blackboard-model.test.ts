import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BoardModel, type ReleaseArgs, type WriteArgs } from '../support/board-model.ts';
import { createdCompartment } from '../support/compartment.ts';
import type { Answer } from '../support/tenant.ts';

const KEYS = ['a', 'b', 'q/c'];
/** Longer than any claim, delay or time to live here. */
const BEYOND_ALL_MS = 10_000;
const NEVER_GIVEN = 'never given';
const MAX_OPS = 16;
const SEQUENCES = 800;
const TIMEOUT_MS = 30_000;

const key = fc.constantFrom(...KEYS);
const by = fc.constantFrom('ann', 'bob');
const seconds = fc.constantFrom(1, 2, 5);
const value = fc.constantFrom<unknown>(1, 2, 'x', null, [1], { a: 1 }, { a: null, b: 2 });
const TAGS: string[][] = [['t'], ['u', 't', 't'], []];
const tags = fc.constantFrom(...TAGS);
const optional = <T>(arbitrary: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
/** An index into the claims started so far; 0 is the latest. */
const claim = fc.nat({ max: 3 });
/** The kind of `if_rev`, resolved when it is used: the current rev, 0 (the cell must be absent), or an old rev. */
const guard = fc.constantFrom('current', 'absent', 'stale');

const op = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constant('write' as const),
      key,
      by,
      mode: fc.constantFrom('set' as const, 'merge' as const, 'append' as const, 'increment' as const),
      value,
      guard: optional(guard),
      ttl_s: optional(seconds),
      tags: optional(tags),
      claim: optional(claim),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('delete' as const), key, guard: optional(guard) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('read' as const), key }) },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant('list' as const),
      state: fc.constantFrom('any', 'free', 'held', 'delayed', 'done', 'dead'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant('claim' as const),
      key: optional(key),
      by,
      ttl_s: seconds,
      take_over: optional(fc.constant(true)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('renew' as const), claim, ttl_s: seconds }) },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('release' as const),
      claim,
      result: fc.oneof<fc.Arbitrary<ReleaseArgs>[]>(
        fc.constant({}),
        fc.constant({ delete: true }),
        fc.record({ value }),
        fc.record({ tags }),
        fc.record({ value, tags }),
        fc.record({ requeue: fc.constant(true), value }),
        fc.record({ requeue: fc.constant(true), delay_s: seconds }),
        fc.record({ failed: fc.constantFrom('timeout', 'refused'), delay_s: seconds }),
        fc.record({ failed: fc.constant('timeout') }),
        fc.record({ tags, delay_s: seconds }),
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('watch' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('step' as const),
      ms: fc.constantFrom(1, 999, 1_000, 1_000, 1_001, 3_999),
    }),
  },
);
type Op = typeof op extends fc.Arbitrary<infer T> ? T : never;

const server = createdCompartment();
const token = server.issue();
let boards = 0;

/** The tool's answer; undefined if it refused the arguments. */
function call(tool: string, args: object): Answer | undefined {
  const outcome = server.call(token, tool, args);
  if (outcome.kind === 'answer') return JSON.parse(outcome.json);
  expect(outcome).toMatchObject({ kind: 'error', error: { code: 'invalid_input' } });
  return undefined;
}

/** One board for each sequence, with its model. */
class Both {
  readonly #run_id = `board-${++boards}`;
  readonly #model: BoardModel;
  readonly #claims: string[] = [];
  #lastRev: number;

  constructor() {
    // What earlier boards have left expires first, so that it takes no revision of this board's.
    server.clock.now += BEYOND_ALL_MS;
    const { head_rev } = call('blackboard_watch', { since_rev: 1_000_000_000 }) ?? {};
    this.#model = new BoardModel(server.clock.now, head_rev);
    this.#lastRev = head_rev;
  }

  #call(tool: string, args: object): Answer | undefined {
    return call(tool, { run_id: this.#run_id, ...args });
  }

  #claim(index: number): string {
    return this.#claims.at(-1 - index) ?? NEVER_GIVEN;
  }

  #guard(guard: string | undefined, key: string): number | undefined {
    if (guard === 'absent') return 0;
    return guard === 'stale' ? this.#lastRev : guard === 'current' ? this.#model.revOf(key) : undefined;
  }

  #write({ key, by, mode, value, guard, ttl_s, tags, claim }: Op & { op: 'write' }): void {
    const claim_id = claim === undefined ? undefined : this.#claim(claim);
    const args: WriteArgs = { key, by, mode, value, if_rev: this.#guard(guard, key), ttl_s, tags, claim_id };
    expect(this.#call('blackboard_write', args)).toEqual(this.#model.write(args));
  }

  #take({ key, by, ttl_s, take_over }: Op & { op: 'claim' }): void {
    const { answer, name } = this.#model.claim(key, by, ttl_s, key !== undefined && take_over === true);
    const chosen = key === undefined ? { tags: [] } : { key, take_over };
    const { claim_id, ...said } = this.#call('blackboard_claim', { ...chosen, by, ttl_s }) ?? {};
    expect(said).toEqual(answer);
    expect(claim_id === undefined).toBe(name === undefined);
    expect(this.#claims).not.toContain(claim_id);
    if (name === undefined) return;
    this.#claims.push(claim_id);
    name(claim_id);
  }

  #list(state: string): void {
    const { entries, total } = this.#call('blackboard_list', { claimed: state }) ?? {};
    const shown = entries.map(({ key, rev, claimed_by }: Answer) =>
      claimed_by === undefined ? { key, rev } : { key, rev, claimed_by },
    );
    expect(shown).toEqual(this.#model.list(state));
    expect(total).toBe(shown.length);
  }

  run(op: Op): void {
    const model = this.#model;
    if (op.op === 'step') {
      server.clock.now += op.ms;
      model.now += op.ms;
    } else if (op.op === 'write') this.#write(op);
    else if (op.op === 'claim') this.#take(op);
    else if (op.op === 'list') this.#list(op.state);
    else {
      const [answer, expected] = this.#both(op);
      expect(answer).toEqual(expected);
    }
  }

  /** Compares the final state of the board and the model. */
  end(): void {
    const cells = KEYS.map((key) => this.#model.read(key));
    expect(this.#call('blackboard_read', { keys: KEYS })?.entries).toEqual(cells);
    this.run({ op: 'watch' });
  }

  /** The answers of the tool and of the model. */
  #both(op: Op & { op: 'delete' | 'read' | 'renew' | 'release' | 'watch' }): [unknown, unknown] {
    const model = this.#model;
    switch (op.op) {
      case 'delete': {
        const if_rev = this.#guard(op.guard, op.key);
        const answer = this.#call('blackboard_delete', { keys: [op.key], if_rev });
        return [answer, model.delete(op.key, if_rev)];
      }
      case 'read':
        return [this.#call('blackboard_read', { key: op.key })?.entries, [model.read(op.key)]];
      case 'renew': {
        const claim_id = this.#claim(op.claim);
        const answer = this.#call('blackboard_claim', { claim_id, by: 'ann', ttl_s: op.ttl_s });
        return [answer, model.renew(claim_id, op.ttl_s)];
      }
      case 'release': {
        const claim_id = this.#claim(op.claim);
        const answer = this.#call('blackboard_release', { claim_id, ...op.result });
        return [answer, model.release(claim_id, op.result)];
      }
      case 'watch': {
        const since_rev = this.#lastRev;
        this.#lastRev = model.rev;
        return [this.#call('blackboard_watch', { since_rev }), model.watch(since_rev)];
      }
    }
  }
}

test(
  'for any sequence of calls the blackboard answers as the model does',
  () => {
    fc.assert(
      fc.property(fc.array(op, { minLength: 4, maxLength: MAX_OPS, size: 'max' }), (ops) => {
        const both = new Both();
        for (const op of ops) both.run(op);
        both.end();
      }),
      { numRuns: SEQUENCES },
    );
  },
  TIMEOUT_MS,
);
