import { createHash } from 'node:crypto';
import { canonicalJson } from '../../json/canonical.ts';
import { invalidInput } from '../../tools/errors.ts';
import type { Sql } from '../../tools/tool.ts';
import { usedBy } from '../../tools/totals.ts';

/** How long the answer of a call is stored for its repeats. */
export const IDEMPOTENCY_MS = 24 * 3_600_000;
/** What the stored answers of a tenant may take, beyond its storage quota. The oldest go first, before their time. */
export const MAX_ANSWERS_BYTES = 32 * 1024 * 1024;
const DROPPED_WHEN_FULL = 64;
const EXPIRED_DROPPED_PER_CALL = 4;

const argument = (args: Record<string, unknown>) =>
  typeof args.idempotency_key === 'string' ? args.idempotency_key : undefined;

/**
 * Runs `act` runIdempotent for an idempotency key: a repeat with the same arguments gets the first answer.
 * @param args the validated arguments; without `idempotency_key` among them `act` always runs
 * @returns the answer as JSON text
 * @throws ToolError `invalid_input` when the key was used with other arguments
 */
export function runIdempotent(db: Sql, call: Keyed, act: () => string): string {
  const key = argument(call.args);
  if (key === undefined) return act();
  const digest = createHash('sha256').update(canonicalJson(call.args)).digest('hex');
  const known = find(db, call, key);
  if (known !== undefined) {
    if (known.digest === digest) return known.answer;
    throw invalidInput(
      'idempotency_key',
      'This idempotency_key was used within 24 h with other arguments; repeat those arguments or use a new key.',
    );
  }
  const answer = act();
  db.exec(
    `INSERT INTO idempotency (tool, key, digest, answer, expires_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (tool, key) DO UPDATE SET digest = excluded.digest, answer = excluded.answer, expires_at = excluded.expires_at`,
    call.tool,
    key,
    digest,
    answer,
    call.now + IDEMPOTENCY_MS,
  );
  sweepIdempotency(db, call.now, EXPIRED_DROPPED_PER_CALL);
  keepWithinShare(db);
  return answer;
}

interface Keyed {
  readonly tool: string;
  readonly args: Record<string, unknown>;
  readonly now: number;
}

/** Whether the call's key was used, so that the call runs nothing. */
export function isAnswered(db: Sql, call: Keyed): boolean {
  const key = argument(call.args);
  return key !== undefined && find(db, call, key) !== undefined;
}

function find(db: Sql, { tool, now }: Pick<Keyed, 'tool' | 'now'>, key: string) {
  const [known] = db.exec<{ digest: string; answer: string }>(
    'SELECT digest, answer FROM idempotency WHERE tool = ? AND key = ? AND expires_at > ?',
    tool,
    key,
    now,
  );
  return known;
}

/** Drops the oldest answers until all of them take no more than they may. */
function keepWithinShare(db: Sql): void {
  let dropped = 1;
  while (dropped > 0 && usedBy(db, 'idempotency').bytes > MAX_ANSWERS_BYTES)
    dropped = sweepIdempotency(db, Number.MAX_SAFE_INTEGER, DROPPED_WHEN_FULL);
}

/** Deletes at most `limit` expired answers. @returns how many */
export function sweepIdempotency(db: Sql, now: number, limit: number): number {
  return db.exec(
    `DELETE FROM idempotency WHERE (tool, key) IN
       (SELECT tool, key FROM idempotency WHERE expires_at <= ? ORDER BY expires_at LIMIT ?) RETURNING 1 AS dropped`,
    now,
    limit,
  ).length;
}
