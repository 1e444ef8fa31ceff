import { encodeTraces } from './encode.ts';
import { type Collector, POST_TIMEOUT_MS, postTraces } from './post.ts';
import type { Span } from './span.ts';

/** Spans that wait for their export. Those beyond are dropped and counted. */
export const MAX_QUEUED_SPANS = 2048;
const MAX_BATCH = 512;
/** How long a batch that is not full waits for more spans, in milliseconds. */
const LINGER_MS = 1000;
/** How long one export may work. The platform ends what a request has left to do 30 s after its response. */
const MAX_EXPORT_MS = 15_000;
/** When another request takes an export over whose request has ended. */
const LEASE_MS = LINGER_MS + MAX_EXPORT_MS + POST_TIMEOUT_MS + 2000;
/** Attempts to export one batch; then it is dropped. */
const MAX_ATTEMPTS = 6;
const MAX_REST_MS = 60_000;
const REPORT_EVERY_MS = 60_000;

export interface ExporterHost {
  readonly fetch: typeof fetch;
  /** Milliseconds on a clock that never steps back. */
  readonly clock: () => number;
  readonly wait: (milliseconds: number) => Promise<void>;
  /** Told at most once a minute how many spans were lost since it was told last. */
  readonly onDropped: (count: number) => void;
}

/** What became of the spans since the process began. */
export interface ExportCounts {
  readonly exported: number;
  /** Spans that no collector will get: the queue was full, or the collector refused them. */
  readonly dropped: number;
  /** Exports that failed, also those that were repeated. */
  readonly failed: number;
}

/**
 * Sends spans to an OpenTelemetry collector, in batches, behind the answers.
 *
 * One request exports for all requests of an isolate: `flush` begins an export unless one is under way. Only plain data is
 * shared between requests, never a promise, because the runtime may end a request and its timers at any moment; an export
 * that was cut off is taken over after its lease. So a span is exported at least once, and never waited for.
 *
 * A failed batch is kept and sent again when the protocol says that it may be, after 1, 2, 4 … 60 s or after what
 * `Retry-After` names, at most six times (OTLP 1.x, "OTLP/HTTP Response"); any other refusal drops it. Meanwhile spans queue.
 * Memory: at most 2,048 queued spans and one batch of 512.
 */
export class SpanExporter {
  readonly #collector: Collector;
  readonly #host: ExporterHost;
  readonly #queue: Span[] = [];
  /** The batch that is being sent, or that is to be sent again. */
  #batch: Span[] = [];
  #attempts = 0;
  #failuresInRow = 0;
  #reported = { at: Number.NEGATIVE_INFINITY, dropped: 0 };
  #leasedUntil = Number.NEGATIVE_INFINITY;
  #restUntil = Number.NEGATIVE_INFINITY;
  #exported = 0;
  #dropped = 0;
  #failed = 0;

  constructor(collector: Collector, host: ExporterHost) {
    this.#collector = collector;
    this.#host = host;
  }

  get counts(): ExportCounts {
    return { exported: this.#exported, dropped: this.#dropped, failed: this.#failed };
  }

  add(span: Span): void {
    if (this.#queue.length < MAX_QUEUED_SPANS) this.#queue.push(span);
    else this.#dropped++;
  }

  /** Begins an export if there is something to export and nobody does it, and hands it to `waitUntil`. */
  flush(waitUntil: (work: Promise<unknown>) => void): void {
    const now = this.#host.clock();
    this.#report(now);
    if (!this.#isPending || now < this.#leasedUntil || now < this.#restUntil) return;
    this.#leasedUntil = now + LEASE_MS;
    waitUntil(this.#export(now));
  }

  /** Exports what is left when the process ends; once, without waiting for more spans. */
  async close(): Promise<void> {
    while (this.#isPending && (await this.#sendBatch()));
  }

  get #isPending(): boolean {
    return this.#batch.length > 0 || this.#queue.length > 0;
  }

  async #export(startedAt: number): Promise<void> {
    const { clock, wait } = this.#host;
    let isAccepted = true;
    // Spans that come during an export have no other request that would send them.
    while (isAccepted && this.#isPending && clock() - startedAt < MAX_EXPORT_MS) {
      if (this.#batch.length + this.#queue.length < MAX_BATCH) await wait(LINGER_MS);
      isAccepted = await this.#sendBatch();
    }
    this.#leasedUntil = Number.NEGATIVE_INFINITY;
  }

  /** @returns whether the next batch may follow at once */
  async #sendBatch(): Promise<boolean> {
    if (this.#batch.length === 0) {
      this.#batch = this.#queue.splice(0, MAX_BATCH);
      this.#attempts = 0;
    }
    if (this.#batch.length === 0) return false;
    this.#attempts++;
    const body = encodeTraces(this.#batch, this.#collector.resource);
    const result = await postTraces(this.#host.fetch, this.#collector, body);
    if (result.kind === 'accepted') {
      const rejected = Math.min(result.rejected, this.#batch.length);
      this.#exported += this.#batch.length - rejected;
      this.#dropped += rejected;
      this.#batch = [];
      this.#failuresInRow = 0;
      return true;
    }
    this.#failed++;
    this.#failuresInRow++;
    if (result.kind === 'refused' || this.#attempts >= MAX_ATTEMPTS) {
      this.#dropped += this.#batch.length;
      this.#batch = [];
    }
    const backoffMs = 1000 * 2 ** Math.min(this.#failuresInRow - 1, 6);
    const restMs = (result.kind === 'retry' ? result.retryAfterMs : undefined) ?? backoffMs;
    this.#restUntil = this.#host.clock() + Math.min(restMs, MAX_REST_MS);
    return false;
  }

  #report(now: number): void {
    const count = this.#dropped - this.#reported.dropped;
    if (count === 0 || now - this.#reported.at < REPORT_EVERY_MS) return;
    this.#reported = { at: now, dropped: this.#dropped };
    this.#host.onDropped(count);
  }
}
