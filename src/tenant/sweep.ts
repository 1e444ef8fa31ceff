import { describeCause } from '../telemetry/redact.ts';
import { canMergeIndexes, mergeIdleIndex } from '../tools/search-merge.ts';
import type { Sql } from '../tools/tool.ts';
import { expireHeldCalls, sweepApprovals } from './approvals/held-calls.ts';
import { approvalLine } from './calls/approval-log.ts';
import { sweepIdempotency } from './calls/idempotency.ts';
import type { TenantId } from './contract/call.ts';
import type { Host } from './host.ts';
import { sweepGrants } from './members/grants.ts';
import { anchorHead } from './records/anchors.ts';
import { pruneRecords } from './records/prune.ts';
import { pruneUsage } from './records/usage.ts';
import { StorageFailure } from './storage/database.ts';

/** Rows of each kind that one step of a sweep deletes, which takes a few milliseconds. */
const SWEEP_STEP = 50;

/** Records expiries that are events. @returns how many */
type RecordExpiries = (limit: number) => number;

/**
 * Records and deletes at most about `limit` expired rows of each kind. A kind that fails is logged.
 * @returns the rows of each kind
 */
export function sweepExpired(host: Host, recordExpiries: RecordExpiries, limit: number): number[] {
  const recorded = recordExpiries(limit);
  const sweepers = [
    sweepIdempotency,
    sweepApprovals,
    sweepGrants,
    pruneRecords,
    pruneUsage,
    ...host.sweepers,
  ];
  return [recorded, ...sweepers.map((sweeper) => inTransaction(host, sweeper, limit) ?? 0)];
}

/** Runs a part of a sweep. A failure is logged. */
function inTransaction<T>(
  { db, clock, log }: Host,
  run: (sql: Sql, now: number, limit: number) => T,
  limit: number,
): T | undefined {
  try {
    return db.transaction(() => run(db, clock(), limit));
  } catch (cause) {
    // The whole transaction is undone then, not only this step.
    if (cause instanceof StorageFailure) throw cause;
    log({ level: 'error', event: 'tenant.sweep_failed', cause: describeCause(cause, undefined, {}) });
    return undefined;
  }
}

/**
 * Deletes expired rows, a bounded step of each kind. If there are none, merges a part of a search index that nobody writes to.
 * @returns whether there is more to do
 */
export function sweepStep(host: Host, tenant: TenantId, recordExpiries: RecordExpiries): 'more' | 'done' {
  const deleted = sweepExpired(host, recordExpiries, SWEEP_STEP);
  const rows = deleted.reduce((sum, count) => sum + count, 0);
  if (rows > 0) host.log({ level: 'info', event: 'tenant.swept', tenant, rows });
  const expired = host.db.transaction(() => expireHeldCalls(host.db, host.clock(), SWEEP_STEP));
  for (const row of expired) host.log(approvalLine('approval.expired', tenant, row));
  anchor(host, tenant);
  if (deleted.some((count) => count >= SWEEP_STEP)) return 'more';
  // A merge has a sweep of its own: on a full disk it would undo the deletions.
  const merge = rows > 0 ? canMergeIndexes : mergeIdleIndex;
  return inTransaction(host, merge, SWEEP_STEP) ? 'more' : 'done';
}

/** Signs the head of the records if that is due. The log line is the copy that nobody in the tenant can change. */
function anchor({ db, clock, log, headSigner }: Host, tenant: TenantId): void {
  if (headSigner === undefined) return;
  const made = db.transaction(() => anchorHead(db, headSigner, tenant, clock()));
  if (made === undefined) return;
  const { id: record, head, kid, mac } = made;
  log({ level: 'info', event: 'records.anchored', tenant, record, head, kid, mac });
}
