import { type Gauges, REPORT_EVERY_MS, type TenantReport } from '../telemetry/metrics/report.ts';
import { describeCause } from '../telemetry/redact.ts';
import type { TenantId } from './contract/call.ts';
import type { Host } from './host.ts';
import { newestAnchor, setMetered, unmetered } from './records/metering.ts';

/** Sends a report; rejects when it was not taken. */
export type SendReport = (report: TenantReport) => Promise<void>;

/**
 * Reports what a tenant has done to the aggregator of metrics, at most once a minute after activity. Nothing waits for it.
 *
 * Guarantees: counts come from the stored records, so none is lost when the host is evicted or the aggregator fails; the
 * next report has them. One whose answer was lost is counted twice.
 * Failure: is logged, at most once a minute, and changes nothing else.
 */
export class TenantMeter {
  readonly #host: Pick<Host, 'db' | 'monotonic' | 'wakeWithin' | 'log'>;
  readonly #send: SendReport;
  #reportedAt = Number.NEGATIVE_INFINITY;
  #rowsReported = 0;
  #recordsDropped = 0;
  #isWakePlanned = false;

  constructor(host: Pick<Host, 'db' | 'monotonic' | 'wakeWithin' | 'log'>, send: SendReport) {
    this.#host = host;
    this.#send = send;
  }

  /** Counts records that could not be written. */
  recordsDropped(count: number): void {
    this.#recordsDropped += count;
  }

  /** Called after records were written, and by each sweep. */
  reportIfDue(tenant: TenantId, gauges: () => Gauges): void {
    const { monotonic, wakeWithin } = this.#host;
    const dueInMs = this.#reportedAt + REPORT_EVERY_MS - monotonic();
    if (dueInMs > 0) {
      // The host may be evicted before: it is loaded again to report the rest.
      if (!this.#isWakePlanned) wakeWithin?.(dueInMs);
      this.#isWakePlanned = true;
      return;
    }
    this.#reportedAt = monotonic();
    this.#isWakePlanned = false;
    this.#unawaited(tenant, this.#report(tenant, gauges));
  }

  /** Reports what the tenant is like, after a change that the operator looks for at once. Counts nothing. */
  reportNow(tenant: TenantId, gauges: Gauges): void {
    const counted = { calls: 0, notOk: 0, refused: 0 };
    this.#unawaited(tenant, this.#send({ tenant, added: [], counted, gauges, anchor: undefined }));
  }

  #unawaited(tenant: TenantId, report: Promise<void>): void {
    void report.catch((cause: unknown) =>
      this.#host.log({
        level: 'warn',
        event: 'telemetry.report_failed',
        tenant,
        cause: describeCause(cause, undefined, {}),
      }),
    );
  }

  async #report(tenant: TenantId, gauges: () => Gauges): Promise<void> {
    const { db } = this.#host;
    const { through, tally, counted } = unmetered(db);
    const rowsWritten = db.rowsWritten?.() ?? 0;
    const dropped = this.#recordsDropped;
    tally.count('bulkhead_rows_written_total', [], rowsWritten - this.#rowsReported);
    tally.count('bulkhead_records_dropped_total', [], dropped);
    await this.#send({ tenant, added: tally.take(), counted, gauges: gauges(), anchor: newestAnchor(db) });
    this.#rowsReported = rowsWritten;
    this.#recordsDropped -= dropped;
    setMetered(db, through);
  }
}
