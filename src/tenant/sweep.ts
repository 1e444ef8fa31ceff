import { describeCause } from '../telemetry/redact.ts';
import { sweepIdempotency } from './calls/idempotency.ts';
import type { TenantId } from './contract/call.ts';
import type { Host } from './host.ts';

/** Rows that one step of a sweep deletes, which takes a few milliseconds. */
const SWEEP_STEP = 200;

/** Deletes expired rows, a bounded step of each kind. @returns whether there is more to delete */
export function sweepStep({ db, clock, log, sweepers }: Host, tenant: TenantId): 'more' | 'done' {
  const reclaimed = [sweepIdempotency, ...sweepers].map((sweeper) => {
    try {
      return db.transaction(() => sweeper(db, clock(), SWEEP_STEP));
    } catch (cause) {
      log({ level: 'error', event: 'tenant.sweep_failed', cause: describeCause(cause, undefined, {}) });
      return 0;
    }
  });
  const rows = reclaimed.reduce((sum, count) => sum + count, 0);
  if (rows > 0) log({ level: 'info', event: 'tenant.swept', tenant, rows });
  return reclaimed.some((count) => count >= SWEEP_STEP) ? 'more' : 'done';
}
