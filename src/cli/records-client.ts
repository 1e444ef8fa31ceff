import * as z from 'zod';
import { type Entry, entrySchema } from '../tenant/records/reading/entry.ts';
import { recordsExplain } from '../tenant/records/reading/explain.ts';
import { type RunEntry, runSchema } from '../tenant/records/reading/run-list.ts';
import { tenantPath } from './admin-client.ts';
import type { AdminRequests } from './admin-requests.ts';

/** The most that the server sends in one page. */
const PAGE = 200;

/** A newer server may say more. */
const entry = entrySchema.loose();
const run = runSchema.loose();
const next = { next_cursor: z.string().optional() };
const callsSchema = z.object({ calls: z.array(entry), ...next });
const runsSchema = z.object({ runs: z.array(run), ...next });
const oneRunSchema = z.object({ run, calls: z.array(entry), ...next });
const traceSchema = z.object({ runs: z.array(run), calls: z.array(entry), more: z.boolean() });
const explainedSchema = recordsExplain.output.loose();
const verifiedSchema = z.object({
  id: z.string(),
  verdict: z.enum(['intact', 'broken']),
  broken: z.object({ record: z.number(), what: z.string() }).optional(),
  first_record: z.number(),
  last_record: z.number(),
  records_without_hash: z.number(),
  anchored: z.object({ record: z.number(), at: z.string() }).optional(),
});

const objectSchema = z.object({
  object: z.string(),
  first_record: z.number(),
  last_record: z.number(),
  bytes: z.number(),
});
const exportedSchema = z.object({ id: z.string(), exported: objectSchema.optional(), more: z.boolean() });
/** The objects that one command writes at most. */
const MAX_OBJECTS = 1000;

export type BucketAnswer = { id: string; objects: z.infer<typeof objectSchema>[]; more: boolean };
export type CallsAnswer = { calls: Entry[]; next_cursor?: string | undefined };
export type RunsAnswer = { runs: RunEntry[]; next_cursor?: string | undefined };
export type TraceAnswer = { runs: RunEntry[]; calls: Entry[]; more: boolean };
export type Explained = z.infer<typeof explainedSchema>;
export type VerifiedAnswer = z.infer<typeof verifiedSchema>;

/** The filters of a list, as the admin API takes them. */
export type Filters = Readonly<Record<string, string>>;

function searchOf(query: Filters): string {
  const search = new URLSearchParams(query).toString();
  return search === '' ? '' : `?${search}`;
}

/** The part of the admin API that reads what the agents of a tenant did. */
export class RecordsClient {
  readonly #admin: AdminRequests;

  constructor(admin: AdminRequests) {
    this.#admin = admin;
  }

  /** The newest calls that the filters select, at most `limit`. */
  async calls(id: string, filters: Filters, limit: number): Promise<CallsAnswer> {
    const calls: Entry[] = [];
    const next_cursor = await this.#pages(limit, async (page) => {
      const answer = await this.#get(id, 'calls', { ...filters, ...page }, callsSchema);
      calls.push(...answer.calls);
      return { count: calls.length, cursor: answer.next_cursor };
    });
    return { calls, next_cursor };
  }

  async runs(id: string, filters: Filters, limit: number): Promise<RunsAnswer> {
    const runs: RunEntry[] = [];
    const next_cursor = await this.#pages(limit, async (page) => {
      const answer = await this.#get(id, 'runs', { ...filters, ...page }, runsSchema);
      runs.push(...answer.runs);
      return { count: runs.length, cursor: answer.next_cursor };
    });
    return { runs, next_cursor };
  }

  /** A run and its first calls. */
  async run(id: string, number: number, limit: number): Promise<TraceAnswer> {
    const calls: Entry[] = [];
    const runs: RunEntry[] = [];
    const rest = await this.#pages(limit, async (page) => {
      const answer = await this.#get(id, `runs/${number}`, page, oneRunSchema);
      if (runs.length === 0) runs.push(answer.run);
      calls.push(...answer.calls);
      return { count: calls.length, cursor: answer.next_cursor };
    });
    return { runs, calls, more: rest !== undefined };
  }

  trace(id: string, trace: string): Promise<TraceAnswer> {
    return this.#get(id, `traces/${encodeURIComponent(trace)}`, {}, traceSchema);
  }

  explain(id: string, call: string): Promise<Explained> {
    return this.#get(id, `explain/${encodeURIComponent(call)}`, {}, explainedSchema);
  }

  verify(id: string): Promise<VerifiedAnswer> {
    return this.#get(id, 'verify', {}, verifiedSchema);
  }

  /** Calls as they end, as server-sent events. @param after the id of the call after which it begins */
  follow(id: string, filters: Filters, after: number | undefined): Promise<ReadableStream<Uint8Array>> {
    const lastEventId = after === undefined ? undefined : String(after);
    return this.#admin.events(`${tenantPath(id)}/calls${searchOf(filters)}`, lastEventId);
  }

  /** The records as NDJSON, gzip. */
  export(id: string, filters: Filters): Promise<ReadableStream<Uint8Array>> {
    return this.#admin.download(`${tenantPath(id)}/export${searchOf(filters)}`);
  }

  /** Has the server write the records that the bucket lacks, an object at a time. */
  async exportToBucket(id: string): Promise<BucketAnswer> {
    const objects: BucketAnswer['objects'] = [];
    for (;;) {
      const { exported, more } = await this.#admin.request(
        'POST',
        `${tenantPath(id)}/export`,
        exportedSchema,
      );
      if (exported !== undefined) objects.push(exported);
      if (!more || objects.length >= MAX_OBJECTS) return { id, objects, more };
    }
  }

  #get<T>(id: string, path: string, query: Filters, schema: z.ZodType<T>): Promise<T> {
    return this.#admin.request('GET', `${tenantPath(id)}/${path}${searchOf(query)}`, schema);
  }

  /** Requests pages until there are `limit` entries. @returns the cursor of what is left */
  async #pages(
    limit: number,
    request: (page: Filters) => Promise<{ count: number; cursor: string | undefined }>,
  ): Promise<string | undefined> {
    let count = 0;
    let cursor: string | undefined;
    do {
      const page = {
        limit: String(Math.min(PAGE, limit - count)),
        ...(cursor === undefined ? {} : { cursor }),
      };
      ({ count, cursor } = await request(page));
    } while (cursor !== undefined && count < limit);
    return cursor;
  }
}
