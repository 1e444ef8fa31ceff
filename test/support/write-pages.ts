import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openDatabase } from '../../src/local/database.ts';
import { createdCompartment } from './compartment.ts';
import { writeOfBenchmark } from './write-load.ts';

/**
 * Counts the database pages that a guarded `blackboard_write` dirties: the frames that SQLite appends to its write-ahead log
 * (https://sqlite.org/fileformat2.html#walformat). The load is that of the benchmark. Counts do not depend on the machine.
 */

const FLUSH_EVERY = 500;
const WAL_HEADER = 32;
const FRAME_HEADER = 24;
const PAGE_SIZE_AT = 8;
/** SQLite copies the log into the database when it has so many frames. */
const CHECKPOINT_FRAMES = 1000;

export interface WritePages {
  /** Pages a write, by table or index, the most first. A page that changed its owner counts for the last one. */
  readonly byName: readonly (readonly [name: string, pages: number])[];
  readonly pages: number;
  /** Bytes a write, in the log and in the database. */
  readonly bytes: number;
}

/** @param warm writes before the counted ones, until histories are full and pages are reused */
export function countWritePages(warm: number, counted: number): WritePages {
  const directory = mkdtempSync(join(tmpdir(), 'pages-'));
  const path = join(directory, 'tenant.db');
  const db = openDatabase(path);
  try {
    db.exec('PRAGMA wal_autocheckpoint = 0');
    const write = writer(db);
    for (let n = 0; n < warm; n++) write();
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    for (let n = 0; n < counted; n++) write();
    return pagesIn(readFileSync(`${path}-wal`), ownersOf(path), counted);
  } finally {
    db.close();
    rmSync(directory, { recursive: true });
  }
}

function writer(db: ReturnType<typeof openDatabase>): () => void {
  const tenant = createdCompartment({ db });
  const token = tenant.issue();
  let n = 0;
  return () => {
    const outcome = tenant.call(token, 'blackboard_write', writeOfBenchmark(n));
    if (outcome.kind !== 'answer') throw new Error(JSON.stringify(outcome));
    tenant.lines.length = 0;
    tenant.clock.now += 1;
    if (++n % FLUSH_EVERY === 0) tenant.runLater(FLUSH_EVERY);
  };
}

/** The table or index of each page. */
function ownersOf(path: string): Map<number, string> {
  const reader = new DatabaseSync(path);
  const rows = reader.prepare('SELECT name, pageno FROM dbstat').all();
  reader.close();
  return new Map(rows.map(({ name, pageno }) => [Number(pageno), String(name)]));
}

function pagesIn(log: Buffer, owners: ReadonlyMap<number, string>, writes: number): WritePages {
  const pageSize = log.readUInt32BE(PAGE_SIZE_AT);
  const byName = new Map<string, number>();
  let changed = new Set<number>();
  let [frames, copied] = [0, 0];
  for (let at = WAL_HEADER; at + FRAME_HEADER + pageSize <= log.length; at += FRAME_HEADER + pageSize) {
    const page = log.readUInt32BE(at);
    const name = owners.get(page) ?? 'free pages';
    byName.set(name, (byName.get(name) ?? 0) + 1 / writes);
    changed.add(page);
    if (++frames % CHECKPOINT_FRAMES > 0) continue;
    copied += changed.size;
    changed = new Set();
  }
  return {
    byName: [...byName].sort(([, a], [, b]) => b - a),
    pages: frames / writes,
    bytes: (frames * (FRAME_HEADER + pageSize) + copied * pageSize) / writes,
  };
}
