import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS, DEFAULT_STORAGE_QUOTA_BYTES } from '../../src/config.ts';
import { type LocalDatabase, openDatabase } from '../../src/local/database.ts';
import { LOCAL_SCOPES } from '../../src/local/tenant.ts';
import { SLICE_PAUSE_MS } from '../../src/tenant/streams/fan-out.ts';
import { FakeTime, START } from '../support/fake-time.ts';
import { listening, openLocal, TemporaryDirectory, type TestLocal } from '../support/local.ts';

let directory: TemporaryDirectory;
let opened: TestLocal[] = [];
beforeEach(() => {
  directory = new TemporaryDirectory();
  opened = [];
});
afterEach(() => {
  for (const local of opened) local.tenant.close();
  directory.remove();
});

/** One more process, as far as the file can tell. */
function open(...args: [host?: Parameters<typeof openLocal>[1], db?: LocalDatabase]): TestLocal {
  const local = openLocal(directory.file, ...args);
  opened.push(local);
  return local;
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

test('its limits are those of a deployment that sets none', () => {
  const toml = readFileSync('wrangler.toml', 'utf8');
  const setting = (name: string) => Number(new RegExp(`^${name} = "(\\d+)"$`, 'm').exec(toml)?.[1]);
  expect(DEFAULT_LIMITS).toEqual({
    tenant: { rate: setting('TENANT_RATE'), burst: setting('TENANT_BURST') },
    tool: { rate: setting('TOOL_RATE'), burst: setting('TOOL_BURST') },
  });
  expect(DEFAULT_STORAGE_QUOTA_BYTES).toBe(setting('STORAGE_QUOTA_BYTES'));
});

test('a file has one tenant and one token with every scope, found again by whoever opens it next', async () => {
  const first = open();
  const second = open();
  expect(second.tenant.tokenId).toBe(first.tenant.tokenId);
  expect(first.tenant.compartment.administration.tokens()).toMatchObject({ value: [{ label: 'stdio' }] });
  expect(first.tenant.compartment.administration.describe()).toMatchObject({
    value: { id: 'local', status: 'active' },
  });
  const { token } = await second.answer('tenant_limits');
  expect(token).toMatchObject({ scopes: [...LOCAL_SCOPES] });
});

test('a token from a release with fewer families gets the scopes of the others when the file is opened', async () => {
  const first = open();
  first.db.exec("UPDATE tokens SET scopes = 'blackboard:read future:read'");
  const second = open();
  expect(second.tenant.tokenId).toBe(first.tenant.tokenId);
  expect(await second.answer('scar_list')).toMatchObject({ scars: [] });
  const { token } = await second.answer('tenant_limits');
  expect(token).toMatchObject({ scopes: [...LOCAL_SCOPES] });
  const [row] = second.db.exec<{ scopes: string }>('SELECT scopes FROM tokens');
  expect(row?.scopes.split(' ').sort()).toEqual([...LOCAL_SCOPES, 'future:read'].sort());
});

test('a token that is no longer good is replaced by the next process', () => {
  const first = open();
  first.tenant.compartment.administration.revokeToken(first.tenant.tokenId);
  const second = open();
  expect(second.tenant.tokenId).not.toBe(first.tenant.tokenId);
});

describe('two processes on one file', () => {
  test('take turns at the one counter: revisions are unique and rise', async () => {
    const [one, other] = [open(), open()];
    const revs: unknown[] = [];
    for (let n = 0; n < 20; n++) {
      for (const local of [one, other, other]) {
        const { rev } = await local.answer('blackboard_write', { key: `k/${n}`, value: revs.length });
        revs.push(rev);
      }
    }
    expect(revs).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
  });

  test('count together', async () => {
    const [one, other] = [open(), open()];
    const increment = { key: 'sum', mode: 'increment', value: 1 };
    await Promise.all(
      Array.from({ length: 50 }, (_, n) => (n % 2 ? one : other).answer('blackboard_write', increment)),
    );
    expect(await one.answer('blackboard_read', { key: 'sum' })).toMatchObject({ entries: [{ value: 50 }] });
  });

  test('drain the same buckets, by reads and by writes', async () => {
    const clock = () => START;
    const tool = { rate: 1, burst: 4 };
    const host = { clock, limits: { tenant: { rate: 1, burst: 100 }, tool } };
    const [one, other] = [open(host), open(host)];
    for (const local of [one, other, one, other]) await local.answer('blackboard_read', { key: 'k' });
    const refused = { kind: 'error', error: { code: 'rate_limited', retry_after_ms: 1000 } };
    expect(await one.call('blackboard_read', { key: 'k' })).toMatchObject(refused);
    expect(await other.call('blackboard_read', { key: 'k' })).toMatchObject(refused);
    for (const local of [other, one, one, other])
      await local.answer('blackboard_write', { key: 'k', value: 1 });
    expect(await one.call('blackboard_write', { key: 'k', value: 1 })).toMatchObject(refused);
  });

  test('see at once what the other did to the token and to the limits', async () => {
    const [one, other] = [open(), open()];
    await other.answer('tenant_limits');
    one.tenant.exclusively(() =>
      one.tenant.compartment.administration.changeLimits({ rate: 0.001, burst: 77 }),
    );
    // A full bucket is not listed.
    await other.answer('blackboard_list');
    expect(await other.answer('tenant_limits')).toMatchObject({
      limits: expect.arrayContaining([expect.objectContaining({ scope: 'tenant', capacity: 77 })]),
    });
    one.tenant.exclusively(() => one.tenant.compartment.administration.revokeToken(one.tenant.tokenId));
    expect(await other.call('tenant_limits')).toEqual({
      kind: 'refused',
      refusal: { reason: 'invalid_token' },
    });
  });

  test('a call that waits in one is answered by a write in the other, once that is noticed', async () => {
    const [one, other] = [open(), open()];
    const { head_rev } = await one.answer('blackboard_watch', { since_rev: 0 });
    let answered = false;
    const watching = one.answer('blackboard_watch', { since_rev: head_rev, wait_s: 25 }).finally(() => {
      answered = true;
    });
    await other.answer('blackboard_write', { key: 'news', value: 1 });
    // Other calls here do not keep it from being noticed, although they have read what is new.
    await one.answer('tenant_limits');
    await settle();
    expect(answered).toBe(false);
    one.tenant.announceForeignWrites();
    expect(await watching).toMatchObject({ events: [{ key: 'news' }] });
  });

  test('a listener in one is told of writes in both, each once and in order', async () => {
    const time = new FakeTime();
    const [one, other] = [open({ later: time.later }), open()];
    const { notices } = await listening(one, true);
    for (const [local, key] of [
      [other, 'a'],
      [one, 'b'],
      [other, 'c'],
    ] as const) {
      await local.answer('blackboard_write', { key, value: 1 });
    }
    for (const _ of [1, 2]) {
      one.tenant.announceForeignWrites();
      while (time.runLater(SLICE_PAUSE_MS) > 0);
    }
    const told = notices.flatMap((notice) => (notice.kind === 'changes' ? notice.changes : []));
    expect(told.map(({ cell }) => cell?.key)).toEqual(['a', 'b', 'c']);
    expect(told.filter(({ list }) => list)).not.toEqual([]);
  });

  test('what one writes while the other is about to tell is told once', async () => {
    const real = openDatabase(directory.file);
    const hook = { afterCommit: () => {} };
    const commit = () => {
      real.commit();
      hook.afterCommit();
    };
    const time = new FakeTime();
    const [one, other] = [open({ later: time.later }, { ...real, commit }), open()];
    const { notices } = await listening(one, true);
    hook.afterCommit = () => {
      hook.afterCommit = () => {};
      void other.call('blackboard_write', { key: 'between', value: 1 });
    };
    await one.answer('blackboard_write', { key: 'own', value: 1 });
    while (time.runLater(SLICE_PAUSE_MS) > 0);
    one.tenant.announceForeignWrites();
    while (time.runLater(SLICE_PAUSE_MS) > 0);
    const told = notices.flatMap((notice) => (notice.kind === 'changes' ? notice.changes : []));
    expect(told.map(({ cell }) => cell?.key)).toEqual(['own', 'between']);
  });

  test('one that only reads, or is refused, wakes nobody twice: there is an end to it', async () => {
    const [one, other] = [open(), open()];
    const { head_rev } = await one.answer('blackboard_watch', { since_rev: 0 });
    const watching = one.answer('blackboard_watch', { since_rev: head_rev, wait_s: 25 });
    await other.answer('blackboard_read', { key: 'k' });
    one.tenant.announceForeignWrites();
    await settle();
    const before = other.db.dataVersion();
    one.tenant.announceForeignWrites();
    await settle();
    // To look again, and to find nothing, is no change that the other would have to look at.
    expect(other.db.dataVersion()).toBe(before);
    await other.answer('blackboard_write', { key: 'news', value: 1 });
    one.tenant.announceForeignWrites();
    await watching;
  });
});

describe('a session that has a stream', () => {
  const attached = (local: TestLocal) =>
    local.db.exec<{ id: string }>('SELECT id FROM sessions WHERE attached = 1').map(({ id }) => id);
  const insert = (local: TestLocal, id: string) =>
    local.db.exec(
      `INSERT INTO sessions (id, kind, principal, client, list_changed, rev, seen_at, attached)
       VALUES (?, 'stream', 'p', '{}', 1, 0, 0, 1)`,
      id,
    );

  test('of a process that runs stays, and of one that was killed is let go', () => {
    const one = open();
    // The process that started this one runs; an id beyond the system's highest is nobody's.
    insert(one, `${process.ppid}-running`);
    insert(one, '2147483646-killed');
    insert(one, 'without-a-process');
    expect(attached(one)).toHaveLength(3);
    const next = open();
    expect(attached(next)).toEqual([`${process.ppid}-running`]);
  });

  test('stays when another process has written meanwhile', async () => {
    const one = open();
    const { session } = await listening(one, false);
    const other = openDatabase(directory.file);
    other.exec('UPDATE tenant SET created_at = created_at + 1');
    other.close();
    await one.answer('blackboard_write', { key: 'k', value: 2 });
    expect(attached(one)).toEqual([session]);
  });
});

describe('a file that takes no more', () => {
  /** A database whose next commits fail, as on a full disk. */
  function failing(): { db: LocalDatabase; fail: { commits: number } } {
    const fail = { commits: 0 };
    const real = openDatabase(directory.file);
    const commit = () => {
      if (fail.commits-- > 0) throw new Error('database or disk is full');
      real.commit();
    };
    return { db: { ...real, commit }, fail };
  }

  test('fails the call as unavailable, and memory is not ahead of it', async () => {
    const { db, fail } = failing();
    const time = new FakeTime();
    const limits = { tenant: { rate: 1, burst: 3 }, tool: { rate: 1, burst: 3 } };
    const local = open({ limits, clock: () => START, later: time.later }, db);
    const { notices } = await listening(local, true);
    notices.length = 0;
    fail.commits = 5;
    for (let n = 0; n < 5; n++) {
      expect(await local.call('blackboard_write', { key: 'k', value: n })).toEqual({
        kind: 'refused',
        refusal: { reason: 'unavailable' },
      });
    }
    expect(local.lines.at(-1)).toMatchObject({
      level: 'error',
      event: 'request.refused',
      code: 'unavailable',
      cause: { message: 'database or disk is full' },
    });
    while (time.runLater(SLICE_PAUSE_MS) > 0);
    expect(notices).toEqual([]);
    // Neither the revisions nor the charges of what failed were kept.
    expect(await local.answer('blackboard_write', { key: 'k', value: 9 })).toMatchObject({
      status: 'created',
      rev: 1,
    });
    expect(await local.call('blackboard_write', { key: 'k', value: 9 })).toMatchObject({ kind: 'answer' });
    while (time.runLater(SLICE_PAUSE_MS) > 0);
    expect(notices).not.toEqual([]);
  });
});
