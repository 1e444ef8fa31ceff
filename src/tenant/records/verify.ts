import type { Sql } from '../../tools/tool.ts';
import { type Anchor, anchorsOf, type HeadSigner, isSigned } from './anchors.ts';
import { isIntact } from './chain.ts';
import { readLedger } from './ledger.ts';
import type { RecordRow } from './record.ts';

/** Records that one step checks, which takes some 30 ms. */
export const VERIFIED_PER_STEP = 5000;

/** Where the records are not what was written. */
export interface Finding {
  /** The record; for `end missing` the last one that there is, for `head altered` the one whose signed head is not what was signed. */
  readonly id: number;
  readonly what: 'altered' | 'missing' | 'end missing' | 'head altered';
}

/** What is known after one step. */
export interface Verified {
  readonly broken: Finding | undefined;
  /** Where the next step continues; undefined when all records are checked. */
  readonly next: Checked | undefined;
  /** The newest signed head that agrees with the records so far. */
  readonly anchor: Pick<Anchor, 'id' | 'at'> | undefined;
  /** The first and last record with a hash; the records before the first were deleted for their age, or have none. */
  readonly first: number;
  readonly last: number;
  /** Records of an older release, which have no hash. */
  readonly unchained: number;
}

/** The last record that was found intact, and its hash. */
export interface Checked {
  readonly id: number;
  readonly hash: string;
}

/**
 * Checks the next records of the chain against each other, the ledger, and the signed heads.
 * @param outside a head that was kept where nobody in the tenant can change it
 */
export function verifyStep(
  sql: Sql,
  signer: HeadSigner | undefined,
  tenant: string,
  after: Checked | undefined,
  outside?: Anchor,
): Verified {
  const { floorId, floor, lastId, head, settled } = readLedger(sql);
  const start = after ?? { id: floorId, hash: floor };
  const [before] = sql.exec<{ unchained: number; hashed: number | null }>(
    `SELECT count(*) AS unchained, min(iif(hash = '', NULL, id)) AS hashed FROM records WHERE id <= ?`,
    floorId,
  );
  const found = { first: floorId + 1, last: lastId, unchained: before?.unchained ?? 0 };
  const hashed = before?.hashed ?? null;
  if (hashed !== null)
    return { ...found, broken: { id: hashed, what: 'altered' }, next: undefined, anchor: undefined };
  const stored = signer === undefined ? [] : anchorsOf(sql);
  const signed = [
    ...stored.filter((anchor) => signer && isSigned(signer, tenant, anchor) === true),
    // Its key may be gone; where it was kept is proof enough.
    ...(outside && signer && isSigned(signer, tenant, outside) !== false ? [outside] : []),
  ].filter(({ id }) => id > start.id);
  const rows = sql.exec<RecordRow>(
    'SELECT * FROM records WHERE id > ? ORDER BY id LIMIT ?',
    start.id,
    VERIFIED_PER_STEP,
  );
  let checked = start;
  let anchor: Verified['anchor'];
  const end = (broken: Finding | undefined, next?: Checked): Verified => ({ ...found, broken, next, anchor });
  for (const row of rows) {
    if (row.id !== checked.id + 1) return end({ id: checked.id + 1, what: 'missing' });
    if (!isIntact(checked.hash, row)) return end({ id: row.id, what: 'altered' });
    checked = row;
    if (row.id === settled.lastId && row.hash !== settled.head) return end({ id: row.id, what: 'altered' });
    for (const here of signed.filter(({ id }) => id === row.id)) {
      if (here.head !== row.hash) return end({ id: row.id, what: 'altered' });
      anchor = { id: here.id, at: here.at };
    }
  }
  if (rows.length === VERIFIED_PER_STEP) return end(undefined, { id: checked.id, hash: checked.hash });
  const lastKnown = Math.max(lastId, ...signed.map(({ id }) => id));
  if (checked.id < lastKnown) return end({ id: checked.id, what: 'end missing' });
  // More records than the ledger has, or another last one: the ledger was altered.
  if (checked.id !== lastId || checked.hash !== head) return end({ id: checked.id, what: 'altered' });
  const forged = stored.find((kept) => signer && isSigned(signer, tenant, kept) === false);
  return end(forged && { id: forged.id, what: 'head altered' });
}
