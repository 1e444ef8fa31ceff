import type { Sql } from '../../tools/tool.ts';
import { readLedger } from './ledger.ts';

/** Signs heads of the chain with a key that no tenant stores. */
export interface HeadSigner {
  /** The key that signs now. */
  readonly kid: string;
  sign(text: string): string;
  /** @returns undefined when the key is not known any more */
  verify(kid: string, text: string, mac: string): boolean | undefined;
}

/** A head that was signed. Who rewrites records before it cannot sign it again. */
export interface Anchor {
  /** The record that it is the hash of. */
  readonly id: number;
  /** When it was signed, in milliseconds since the epoch. */
  readonly at: number;
  readonly head: string;
  readonly kid: string;
  readonly mac: string;
}

/** An anchor is made when there is none of the last day, or so many records are after the newest. */
const ANCHOR_EVERY_MS = 86_400_000;
const ANCHOR_EVERY_RECORDS = 1000;
export const MAX_ANCHORS = 1000;

const textOf = (tenant: string, { id, at, head }: Pick<Anchor, 'id' | 'at' | 'head'>) =>
  JSON.stringify([tenant, id, at, head]);

export const anchorsOf = (sql: Sql): Anchor[] =>
  sql.exec<Anchor & Record<string, string | number>>(
    'SELECT * FROM anchors ORDER BY id LIMIT ?',
    MAX_ANCHORS,
  );

/** Whether the signature is right; undefined when its key is not known any more. */
export const isSigned = (signer: HeadSigner, tenant: string, anchor: Anchor) =>
  signer.verify(anchor.kid, textOf(tenant, anchor), anchor.mac);

export const signHead = (
  signer: HeadSigner,
  tenant: string,
  head: Pick<Anchor, 'id' | 'at' | 'head'>,
): Anchor => ({ ...head, kid: signer.kid, mac: signer.sign(textOf(tenant, head)) });

/**
 * Signs the head if that is due, and signs again what an older key has signed, so that anchors outlive the key: while keys are
 * rotated both are known.
 * @returns the new anchor, to be written where the tenant cannot change it
 */
export function anchorHead(sql: Sql, signer: HeadSigner, tenant: string, now: number): Anchor | undefined {
  for (const anchor of anchorsOf(sql)) {
    if (anchor.kid === signer.kid || isSigned(signer, tenant, anchor) !== true) continue;
    const mac = signer.sign(textOf(tenant, anchor));
    sql.exec('UPDATE anchors SET kid = ?, mac = ? WHERE id = ?', signer.kid, mac, anchor.id);
  }
  const { lastId, head, floorId } = readLedger(sql);
  const [newest] = sql.exec<{ id: number; at: number }>(
    'SELECT id, at FROM anchors ORDER BY id DESC LIMIT 1',
  );
  const { id, at } = newest ?? { id: 0, at: 0 };
  // A clock that has stepped back makes an anchor too many.
  const isDue = lastId - id >= ANCHOR_EVERY_RECORDS || Math.abs(now - at) >= ANCHOR_EVERY_MS;
  if (lastId <= id || lastId <= floorId || !isDue) return undefined;
  const anchor = signHead(signer, tenant, { id: lastId, at: now, head });
  sql.exec(
    'INSERT INTO anchors (id, at, head, kid, mac) VALUES (?, ?, ?, ?, ?)',
    anchor.id,
    anchor.at,
    anchor.head,
    anchor.kid,
    anchor.mac,
  );
  sql.exec(
    'DELETE FROM anchors WHERE id <= ? OR id IN (SELECT id FROM anchors ORDER BY id DESC LIMIT -1 OFFSET ?)',
    floorId,
    MAX_ANCHORS,
  );
  return anchor;
}
