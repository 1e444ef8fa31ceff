import type { MessageEnd } from '../../mcp/message-end.ts';
import { type CallPoint, type Dataset, dataPointOf } from '../../telemetry/metrics/data-point.ts';
import { type Added, REPORT_EVERY_MS } from '../../telemetry/metrics/report.ts';
import { Tally } from '../../telemetry/metrics/tally.ts';
import type { ExportCounts } from '../../telemetry/otel/exporter.ts';

export interface MeterHost {
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Sends a report; rejects when it was not taken. */
  readonly send: (added: readonly Added[]) => Promise<void>;
  readonly failed: (cause: unknown) => void;
  /** What became of the spans of the isolate since it began. */
  readonly spans: () => ExportCounts | undefined;
  readonly dataset: Dataset | undefined;
}

const NO_SPANS: ExportCounts = { exported: 0, dropped: 0, failed: 0 };

/**
 * Counts what happens in one isolate of the edge, and reports it at most once a minute, behind an answer.
 *
 * Failure: counts that could not be reported are in the next report; those since the last one end with the isolate.
 */
export class IsolateMeter {
  readonly #host: MeterHost;
  readonly #tally = new Tally();
  #reportedAt = Number.NEGATIVE_INFINITY;
  #spans = NO_SPANS;

  constructor(host: MeterHost) {
    this.#host = host;
  }

  /** A request or call that was refused before it reached a tenant. */
  refused(status: number, code: string): void {
    this.#tally.count('bulkhead_http_refusals_total', [String(status), code]);
  }

  messageEnded({ method, tool, caller, outcome }: MessageEnd): void {
    const seconds = Math.max(0, this.#host.clock() - caller.receivedAt) / 1000;
    const labels = [method, tool ?? '', outcome.errorType ?? ''];
    this.#tally.observe('mcp_server_operation_duration_seconds', labels, seconds);
  }

  /** A call that its tenant has ended. @param point what is written to the dataset, where one is bound */
  called(tool: string, durationMs: number, point: () => CallPoint): void {
    this.#tally.observe('bulkhead_call_duration_seconds', [tool], durationMs / 1000);
    const { dataset } = this.#host;
    if (dataset !== undefined) dataset.writeDataPoint(dataPointOf(point()));
  }

  /** Sends a report if one is due, and hands it to `waitUntil`. */
  flush(waitUntil: (work: Promise<unknown>) => void): void {
    const now = this.#host.clock();
    // A clock that has stepped back makes a report too many.
    if (Math.abs(now - this.#reportedAt) < REPORT_EVERY_MS) return;
    this.#countSpans();
    if (this.#tally.isEmpty) return;
    this.#reportedAt = now;
    waitUntil(this.#send());
  }

  async #send(): Promise<void> {
    const added = this.#tally.take();
    try {
      await this.#host.send(added);
    } catch (cause) {
      this.#tally.putBack(added);
      this.#host.failed(cause);
    }
  }

  #countSpans(): void {
    const spans = this.#host.spans() ?? NO_SPANS;
    this.#tally.count('bulkhead_spans_exported_total', [], spans.exported - this.#spans.exported);
    this.#tally.count('bulkhead_spans_dropped_total', [], spans.dropped - this.#spans.dropped);
    this.#tally.count('bulkhead_spans_failed_total', [], spans.failed - this.#spans.failed);
    this.#spans = spans;
  }
}
