import { succeed } from '../result.ts';
import type { Log } from '../telemetry/log.ts';
import { describeCause } from '../telemetry/redact.ts';
import { type RecordsBucket, upload } from './bucket-upload.ts';
import type { TenantId } from './contract/call.ts';
import { conflict, type Operation, unavailable } from './operation.ts';
import type { RecordReading } from './record-reading.ts';
import { type BucketExport, EARLY_EXPORT_RECORDS, exportPrefix } from './records/bucket-plan.ts';
import type { ExportRange } from './records/reading/export.ts';

/** The variable of `wrangler.toml` by which a bucket is bound. */
export const BUCKET = 'RECORDS';
/** R2 lists and deletes 1,000 objects at once: this many times a deletion asks for more. */
const MAX_DELETIONS = 100;
const WAKE_MS = 1000;

/** An object that was written. */
export interface ExportedObject {
  readonly object: string;
  readonly firstRecord: number;
  readonly lastRecord: number;
  readonly bytes: number;
}

/** What one request has exported. */
export interface Exported {
  /** Undefined when the bucket had all records. */
  readonly written: ExportedObject | undefined;
  readonly more: boolean;
}

interface Parts {
  /** Undefined when the deployment binds none. */
  readonly bucket: RecordsBucket | undefined;
  readonly reading: () => RecordReading;
  readonly log: Log;
  /** Has the next alarm go off within this time in milliseconds. */
  readonly wakeWithin: (ms: number) => void;
}

/**
 * Writes a tenant's records to a bucket, as objects that follow each other.
 *
 * Guarantees: one object at a time, so no record is exported twice or left out, also when the host stops in between.
 * Failure: what could not be written is written by the next export. Records that are deleted for their age or number before
 * an export succeeds are never in the bucket.
 * Memory: two parts of 5 MiB and one step of lines.
 */
export class BucketExports {
  readonly #parts: Parts;
  #last: Promise<unknown> = Promise.resolve();
  /** The newest record for which an early export was considered. */
  #considered = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Writes the next records that the bucket does not have, as one object. */
  run(): Promise<Operation<Exported>> {
    return this.#oneByOne(() => this.#run());
  }

  /** What the tenant's alarm does each night, and earlier when there are many records. @returns whether there is more to do */
  async runIfDue(): Promise<boolean> {
    if (this.#parts.bucket === undefined) return false;
    const debt = this.#parts.reading().bucketDebt();
    if (!debt.ok || !debt.value.isDue) return false;
    const done = await this.run();
    return done.ok && done.value.more;
  }

  /** Told of the newest record: the alarm must not be an hour away when there are many. */
  recorded(last: number): void {
    if (this.#parts.bucket === undefined || last - this.#considered < EARLY_EXPORT_RECORDS) return;
    this.#considered = last;
    const debt = this.#parts.reading().bucketDebt();
    if (debt.ok && debt.value.records >= EARLY_EXPORT_RECORDS) this.#parts.wakeWithin(WAKE_MS);
  }

  /** Deletes what was exported of an erased tenant. @returns how many objects */
  erase(tenant: TenantId): Promise<Operation<number>> {
    return this.#oneByOne(async () => {
      try {
        return succeed(await this.#deleteAll(exportPrefix(tenant)));
      } catch (cause) {
        this.#failed(tenant, cause);
        return unavailable(
          `The tenant is erased, but the bucket still has exported records of it under ${exportPrefix(tenant)}. Repeat the deletion, or delete them there.`,
        );
      }
    });
  }

  async #run(): Promise<Operation<Exported>> {
    const { bucket, log } = this.#parts;
    if (bucket === undefined) return NO_BUCKET;
    const begun = this.#parts.reading().beginBucketExport();
    if (!begun.ok) return begun;
    if (begun.value === undefined) return succeed({ written: undefined, more: false });
    const { tenant, range, object, more } = begun.value;
    const { first: firstRecord, last: lastRecord } = range;
    try {
      const bytes = await upload(bucket, object, this.#linesOf(begun.value));
      const ended = this.#parts.reading().endBucketExport(range);
      if (!ended.ok) return ended;
      const rows = lastRecord - firstRecord + 1;
      log({ level: 'info', event: 'records.exported', tenant, record: lastRecord, rows });
      return succeed({ written: { object, firstRecord, lastRecord, bytes }, more });
    } catch (cause) {
      this.#failed(tenant, cause);
      return unavailable(
        `The bucket ${BUCKET} did not take the records. The log has the cause; repeat the request, or wait for the next export, which writes them.`,
      );
    }
  }

  #failed(tenant: TenantId, cause: unknown): void {
    const described = describeCause(cause, undefined, {});
    this.#parts.log({ level: 'error', event: 'records.export_failed', tenant, cause: described });
  }

  #linesOf({ range, head }: BucketExport): ReadableStream<Uint8Array> {
    const encoder = new TextEncoder();
    let rest: ExportRange | undefined = range;
    const lines = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(encoder.encode(head)),
      pull: (controller) => {
        if (rest === undefined) return controller.close();
        const step = this.#parts.reading().exportStep(rest);
        if (!step.ok) throw new Error(step.error.message);
        // Records that were deleted meanwhile would be a gap in the object.
        const end: number = step.value.next ?? range.last + 1;
        if (step.value.records !== end - rest.first)
          throw new Error('records were deleted during their export');
        controller.enqueue(encoder.encode(step.value.lines));
        rest = step.value.next === undefined ? undefined : { ...range, first: step.value.next };
      },
    });
    return lines.pipeThrough(new CompressionStream('gzip'));
  }

  async #deleteAll(prefix: string): Promise<number> {
    const { bucket } = this.#parts;
    let deleted = 0;
    for (let round = 0; bucket !== undefined && round < MAX_DELETIONS; round++) {
      const { objects, truncated } = await bucket.list({ prefix });
      if (objects.length > 0) await bucket.delete(objects.map(({ key }) => key));
      deleted += objects.length;
      if (!truncated) return deleted;
    }
    if (bucket !== undefined) throw new Error('there are more exported objects than one deletion removes');
    return deleted;
  }

  #oneByOne<T>(act: () => Promise<T>): Promise<T> {
    const next = this.#last.then(act, act);
    this.#last = next.catch(() => {});
    return next;
  }
}

const NO_BUCKET = conflict(
  `No R2 bucket is bound as ${BUCKET}. Bind one in wrangler.toml (see "Exported records" in docs/operating.md), or write a file with --out.`,
);
