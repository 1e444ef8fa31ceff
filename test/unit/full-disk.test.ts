import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/client';
import { InMemoryTransport } from '@modelcontextprotocol/server';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { catalogue } from '../../src/catalogue.ts';
import { Connection } from '../../src/local/connection.ts';
import { type LocalDatabase, openDatabase } from '../../src/local/database.ts';
import { DiskReserve, RESERVE_BYTES } from '../../src/local/disk-reserve.ts';
import { ListenSubscriptions } from '../../src/local/listen-subscriptions.ts';
import { PublishedTools } from '../../src/mcp/published-tools.ts';
import { StorageFailure } from '../../src/tenant/storage/database.ts';
import { openLocal, TemporaryDirectory } from '../support/local.ts';

let directory: TemporaryDirectory;
beforeEach(() => {
  directory = new TemporaryDirectory();
});
afterEach(() => directory.remove());

/** A disk on which SQLite's log cannot grow while it is full, so that no transaction can be committed that has written. */
class Disk {
  isFull = false;
  hasReserve = true;
  readonly reserve = {
    release: () => {
      if (this.hasReserve) this.isFull = false;
      return this.hasReserve;
    },
    keep: () => {
      this.isFull = true;
    },
  };

  open(): LocalDatabase {
    const db = openDatabase(directory.file);
    let before = 0;
    const requireRoom = () => {
      if (this.isFull) throw new StorageFailure('full', new Error('database or disk is full'));
    };
    return {
      ...db,
      begin: () => {
        db.begin();
        before = db.changes();
      },
      commit: () => {
        if (db.changes() !== before) requireRoom();
        db.commit();
      },
      checkpoint: () => {
        requireRoom();
        db.checkpoint();
      },
    };
  }
}

const FULL = {
  kind: 'error',
  error: { code: 'unavailable', message: expect.stringMatching(/^The disk .* is full/) },
};

describe('on a disk on which not even the log of the database can grow', () => {
  let disk: Disk;
  const start = () => openLocal(directory.file, {}, disk.open(), disk.reserve);
  beforeEach(async () => {
    disk = new Disk();
    const before = start();
    for (const key of ['a', 'b', 'c']) await before.answer('blackboard_write', { key, value: key });
    before.tenant.close();
    disk.isFull = true;
  });

  test('what adds no data uses the reserve, and what adds data does not', async () => {
    const local = start();
    expect(await local.answer('blackboard_read', { key: 'a' })).toMatchObject({ entries: [{ value: 'a' }] });
    expect(await local.call('blackboard_write', { key: 'd', value: 1 })).toMatchObject(FULL);
    expect(await local.call('scar_record', { error_type: 'E', error_message: 'm' })).toMatchObject(FULL);
    expect(await local.answer('blackboard_delete', { keys: ['a'] })).toMatchObject({ deleted: 1 });
    expect(await local.answer('blackboard_claim', { key: 'b', by: 'w' })).toMatchObject({
      status: 'claimed',
    });
    expect(disk.isFull).toBe(true);
    expect(await local.call('blackboard_write', { key: 'd', value: 1 })).toMatchObject(FULL);
    expect(await local.answer('blackboard_list', { run_id: 'default' })).toMatchObject({
      entries: [{ key: 'b' }, { key: 'c' }],
    });
    local.tenant.close();
  });

  test('without a reserve, deleting says so as well, and nothing has changed', async () => {
    disk.hasReserve = false;
    const local = start();
    expect(await local.call('blackboard_delete', { keys: ['a'] })).toMatchObject(FULL);
    expect(await local.answer('blackboard_read', { key: 'a' })).toMatchObject({ entries: [{ value: 'a' }] });
    local.tenant.close();
  });

  test.each([true, false])('a client can connect and read (with a reserve: %s)', async (hasReserve) => {
    disk.hasReserve = hasReserve;
    const local = start();
    const { server } = await Connection.open({
      tenant: local.tenant,
      tools: new PublishedTools(catalogue.tools),
      era: 'legacy',
      subscriptions: new ListenSubscriptions(),
      spans: undefined,
      whenWritable: async () => {},
    });
    const [near, far] = InMemoryTransport.createLinkedPair();
    await server.connect(far);
    const client = new Client({ name: 'tests', version: '1' });
    await client.connect(near);
    const call = (name: string, args: Record<string, unknown>) => client.callTool({ name, arguments: args });
    expect(await call('blackboard_read', { key: 'b' })).toMatchObject({
      structuredContent: { entries: [{ value: 'b' }] },
    });
    expect(await call('blackboard_write', { key: 'b', value: 1 })).toMatchObject({
      isError: true,
      structuredContent: { error: FULL.error },
    });
    await client.close();
    local.tenant.close();
  });
});

describe('the reserve', () => {
  const path = () => join(directory.path, 'reserve');

  test('is a file of its size, made whole again, and gone when it is released', () => {
    const reserve = new DiskReserve(path());
    expect(reserve.release()).toBe(false);
    reserve.keep();
    expect(statSync(path()).size).toBe(RESERVE_BYTES);
    expect(reserve.release()).toBe(true);
    expect(readdirSync(directory.path)).toEqual([]);
    writeFileSync(path(), 'all that the disk had');
    reserve.keep();
    expect(statSync(path()).size).toBe(RESERVE_BYTES);
  });

  test('that cannot be kept is done without', () => {
    new DiskReserve(join(directory.path, 'absent', 'reserve')).keep();
    mkdirSync(path());
    new DiskReserve(path()).keep();
    expect(readdirSync(directory.path)).toEqual(['reserve']);
  });
});
