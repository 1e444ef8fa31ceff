import { describe, expect, test } from 'vitest';
import { GroupCommit } from '../../src/tenant/group-commit.ts';

/** A group commit whose turns are begun by hand, and calls that cost tokens. */
function setUp() {
  const turns: (() => void)[] = [];
  const ran: string[][] = [];
  let work = 0;
  const time = { now: 0 };
  const group = new GroupCommit({
    monotonic: () => time.now,
    nextTurn: () => new Promise<void>((resolve) => turns.push(resolve)),
    work: () => work,
  });
  const add = (name: string, cost = 1) =>
    group.add(() => {
      ran.at(-1)?.push(name);
      work += cost;
      return name;
    });
  const turn = async () => {
    ran.push([]);
    const begin = turns.shift();
    if (begin === undefined) throw new Error('no turn was asked for');
    begin();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { group, add, turn, turns, ran, time };
}

describe('group commit', () => {
  test('calls that arrive before the next turn run in it, in the order in which they arrived', async () => {
    const { add, turn, turns, ran } = setUp();
    const answers = [add('a'), add('b'), add('c')];
    expect(turns).toHaveLength(1);
    await turn();
    expect(ran).toEqual([['a', 'b', 'c']]);
    expect(await Promise.all(answers)).toEqual(['a', 'b', 'c']);
    expect(turns).toHaveLength(0);
  });

  test('a call that arrives while others run has a turn of its own', async () => {
    const { group, add, turn, ran } = setUp();
    const outer = group.add(() => add('inner'));
    await turn();
    expect(ran).toEqual([[]]);
    await turn();
    expect(ran).toEqual([[], ['inner']]);
    expect(await outer).toBe('inner');
  });

  test('one that fails does so alone', async () => {
    const { group, add, turn, ran } = setUp();
    const first = add('a');
    const failing = group.add(() => {
      throw new Error('the disk is full');
    });
    const rejecting = group.add(() => Promise.reject(new Error('it was cancelled')));
    const last = add('b');
    const failures = Promise.allSettled([failing, rejecting]);
    await turn();
    expect(ran).toEqual([['a', 'b']]);
    expect(await Promise.all([first, last])).toEqual(['a', 'b']);
    expect(
      (await failures).map((settled) => settled.status === 'rejected' && settled.reason.message),
    ).toEqual(['the disk is full', 'it was cancelled']);
  });

  test('a turn ends with the first call that was dear', async () => {
    const { add, turn, turns, ran } = setUp();
    void [add('free', 0), add('small'), add('dear', 2), add('late'), add('dear too', 40), add('last')];
    await turn();
    await turn();
    await turn();
    expect(ran).toEqual([['free', 'small', 'dear'], ['late', 'dear too'], ['last']]);
    expect(turns).toHaveLength(0);
  });

  test('a turn has at most 16 calls, free ones included', async () => {
    const { add, turn, ran } = setUp();
    for (let index = 0; index < 40; index++) void add(String(index), 0);
    await turn();
    await turn();
    await turn();
    expect(ran.map((names) => names.length)).toEqual([16, 16, 8]);
    expect(ran.flat()).toEqual(Array.from({ length: 40 }, (_, index) => String(index)));
  });

  test('a turn that cannot be had does not keep the calls', async () => {
    const group = new GroupCommit({
      monotonic: () => 0,
      nextTurn: () => Promise.reject(new Error('no')),
      work: () => 0,
    });
    expect(await group.add(() => 'ran')).toBe('ran');
  });

  test('a turn that never begins is replaced after a second, and does no harm if it begins after all', async () => {
    const { add, turn, turns, ran, time } = setUp();
    const answers = [add('a')];
    time.now = 999;
    answers.push(add('b'));
    expect(turns).toHaveLength(1);
    time.now = 1000;
    answers.push(add('c'));
    expect(turns).toHaveLength(2);
    const [lost] = turns.splice(0, 1);
    await turn();
    lost?.();
    expect(ran).toEqual([['a', 'b', 'c']]);
    expect(await Promise.all(answers)).toEqual(['a', 'b', 'c']);
    add('d');
    await turn();
    expect(ran.at(-1)).toEqual(['d']);
  });
});
