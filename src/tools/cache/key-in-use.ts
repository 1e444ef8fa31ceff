/**
 * Which key stands for a question while some entries have keys of version 1.
 *
 * A question has one key at a time: that of version 1 as long as an entry that can be served, or a lease, has it; else the
 * current one. So a caller that holds either key, and one that asks the question, act on the same entry and lease.
 * Once nothing of version 1 is stored any more, no key of version 1 is computed.
 */
import type { Sql } from '../tool.ts';
import { findEntry, isServable } from './entries.ts';
import { KEY_VERSION, type KeyVersion, type Question, questionKey } from './key.ts';
import { questionKeyOfV1 } from './key-v1.ts';
import { findLease } from './lease.ts';

export interface VersionedKey {
  readonly key: string;
  readonly keyVersion: KeyVersion;
}

/** The key of a question. Throws the same errors as `questionKey`. */
export function keyInUse(sql: Sql, question: Question, now: number): VersionedKey {
  const current = { key: questionKey(question), keyVersion: KEY_VERSION } as const;
  const old = hasKeysOfV1(sql) ? questionKeyOfV1(question) : undefined;
  if (old === undefined || !isInUse(sql, old, now) || isInUse(sql, current.key, now)) return current;
  return { key: old, keyVersion: 1 };
}

function hasKeysOfV1(sql: Sql): boolean {
  const [row] = sql.exec<{ found: 0 | 1 }>(
    `SELECT EXISTS (SELECT 1 FROM cache_entries WHERE key_version = 1)
       OR EXISTS (SELECT 1 FROM cache_leases WHERE key_version = 1) AS found`,
  );
  return row?.found === 1;
}

const isInUse = (sql: Sql, key: string, now: number) =>
  isServable(findEntry(sql, key, now)) || findLease(sql, key, now) !== undefined;

/** A key that a caller gave, with the version that is stored with it. */
export function givenKey(sql: Sql, key: string): VersionedKey {
  const [row] = sql.exec<{ version: KeyVersion }>(
    `SELECT key_version AS version FROM cache_entries WHERE key = ?1
     UNION ALL SELECT key_version FROM cache_leases WHERE key = ?1
     UNION ALL SELECT key_version FROM cache_asked WHERE key = ?1 LIMIT 1`,
    key,
  );
  return { key, keyVersion: row?.version ?? KEY_VERSION };
}
