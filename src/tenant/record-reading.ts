import { fail, type Result, succeed } from '../result.ts';
import type { ReportedAnchor } from '../telemetry/metrics/report.ts';
import { ToolError } from '../tools/errors.ts';
import type { Administered } from './administration.ts';
import { refusedRequest, UNKNOWN_TOOL } from './calls/call-record.ts';
import type { OperatorRead } from './calls/operator-reads.ts';
import type { CallOutcome, Refusal, RefusalCount, TokenId } from './contract/call.ts';
import type { LoadedTenant } from './loaded-tenant.ts';
import { actorOf, changeLine, type MemberCall } from './member-changes.ts';
import { NO_SUCH_TENANT, type Operation, refused, UNAVAILABLE } from './operation.ts';
import {
  changesOf,
  type OperatorCall,
  type OperatorChange,
  type OperatorState,
  operatorRecord,
  operatorStateOf,
} from './operator-calls.ts';
import {
  type BucketExport,
  type ExportDebt,
  exportDebt,
  exported,
  objectName,
  planExport,
} from './records/bucket-plan.ts';
import {
  type Exporter,
  type ExportRange,
  type ExportStep,
  type ExportTimes,
  exportHead,
  exportRange,
  exportStep,
} from './records/reading/export.ts';
import { recordsFollow } from './records/reading/follow.ts';
import { readWith } from './records/reading/reader.ts';
import { type FollowQuestion, type Question, READERS } from './records/reading/readers.ts';
import { type TokenUse, tokenUse } from './records/reading/token-use.ts';
import { MAX_REFUSAL_KINDS } from './records/refusals.ts';
import { type Checked, type Verified, verifyStep } from './records/verify.ts';
import { sealing } from './storage/seal.ts';

/** What the operator reads of one tenant's records, and what is recorded of the operator. Each method reads those of the last half second as well. */
export class RecordReading {
  readonly #tenant: Administered;

  constructor(tenant: Administered) {
    this.#tenant = tenant;
  }

  /**
   * Checks the next records.
   * @param after what the step before has returned as `next`
   * @param outside the newest head that the aggregator of metrics has of this tenant
   */
  verify(after?: Checked, outside?: ReportedAnchor): Operation<Verified> {
    const { db, headSigner } = this.#tenant.host;
    return this.#operate(({ records, profile }) => {
      records.flush();
      // One from before its creation is of a tenant that had the same id.
      const isOwn = outside !== undefined && outside.at >= profile.createdAt;
      const anchor = isOwn ? { ...outside, id: outside.record } : undefined;
      return succeed(verifyStep(db, headSigner, profile.id, after, anchor));
    });
  }

  /** Answers a question about the records. @returns the answer as JSON text */
  ask(question: Question | 'follow', args: unknown): Operation<string> {
    const { db, clock } = this.#tenant.host;
    return this.#operate(({ records, profile }) => {
      records.flush();
      try {
        const context = { sql: db, now: clock(), ...sealing(profile) };
        return succeed(
          JSON.stringify(readWith(question === 'follow' ? recordsFollow : READERS[question], args, context)),
        );
      } catch (cause) {
        if (cause instanceof ToolError) return refused(cause);
        throw cause;
      }
    });
  }

  /**
   * What a stream of a token sends next. Its opening was charged and recorded as a call; if each of these readings were, it
   * would be news to everybody who watches.
   */
  follow(tokenId: TokenId, question: FollowQuestion, args: unknown): Result<string, Refusal> {
    const loaded = this.#tenant.requireLoaded();
    if (!loaded.ok) return loaded;
    const allowed = loaded.value.pipeline.allows(tokenId, recordsFollow.name);
    if (!allowed.ok) return allowed;
    const answer = this.ask(question, args);
    return answer.ok ? answer : fail({ reason: 'unavailable' });
  }

  /** When each token was last used, by which client and how often. */
  tokenUse(): Operation<TokenUse[]> {
    return this.#operate(({ records }) => {
      records.flush();
      return succeed(tokenUse(this.#tenant.host.db));
    });
  }

  /** The records that an export of these times has, and its first line. */
  beginExport(times: ExportTimes): Operation<{ range: ExportRange; head: string }> {
    const { db } = this.#tenant.host;
    return this.#operate(({ records, profile }) => {
      records.flush();
      const range = exportRange(db, times);
      return succeed({ range, head: exportHead(db, this.#exporter(profile), range) });
    });
  }

  /** What the next object of the bucket has; undefined when it has every record already. */
  beginBucketExport(): Operation<BucketExport | undefined> {
    const { db, clock } = this.#tenant.host;
    return this.#operate(({ records, profile }) => {
      records.flush();
      const range = db.transaction(() => planExport(db, clock()));
      return succeed(
        range && {
          tenant: profile.id,
          range,
          head: exportHead(db, this.#exporter(profile), range),
          object: objectName(profile, range),
          more: range.last < records.lastId,
        },
      );
    });
  }

  /** Notes that the bucket has the object that was begun. */
  endBucketExport({ last }: ExportRange): Operation<undefined> {
    const { db, clock } = this.#tenant.host;
    return this.#operate(() => {
      db.transaction(() => exported(db, last, clock()));
      return succeed(undefined);
    });
  }

  /** How many records the bucket lacks, and whether a night has passed since it lacked none. */
  bucketDebt(): Operation<ExportDebt> {
    const { db, clock } = this.#tenant.host;
    return this.#operate(() => succeed(exportDebt(db, clock())));
  }

  #exporter({ id }: LoadedTenant['profile']): Exporter {
    const { headSigner, clock } = this.#tenant.host;
    return { tenant: id, signer: headSigner, now: clock() };
  }

  /** The next lines of an export. */
  exportStep(range: ExportRange): Operation<ExportStep> {
    return this.#operate(() => succeed(exportStep(this.#tenant.host.db, range)));
  }

  /** Records what the edge has refused itself. The order among the tenant's own records is that of the reports. */
  countRefusals(refusals: readonly RefusalCount[]): void {
    const loaded = this.#tenant.requireLoaded();
    if (!loaded.ok) return;
    const { clock, catalogue } = this.#tenant.host;
    const { records, pipeline } = loaded.value;
    for (const { tokenId, code, tool, times } of refusals.slice(0, MAX_REFUSAL_KINDS)) {
      const record = refusedRequest({ tokenId, session: undefined }, code, pipeline.rev, clock());
      records.addRefusal({
        ...record,
        times,
        transport: 'edge',
        scope: code === 'too_many_requests' ? 'token' : null,
        tool: tool === undefined ? record.tool : (catalogue.find(tool)?.name ?? UNKNOWN_TOOL.name),
      });
    }
  }

  /** Answers what a page shows to the operator. See `OperatorReads`. */
  readAsOperator(read: OperatorRead): Operation<CallOutcome> {
    return this.#operate(({ operatorReads }) => succeed(operatorReads.read(read)));
  }

  /** What the operator can change; undefined when there is no tenant. */
  operatorState(): OperatorState | undefined {
    const loaded = this.#tenant.requireLoaded();
    return loaded.ok ? operatorStateOf(loaded.value, this.#tenant.host.clock()) : undefined;
  }

  /** Records what the operator has done, or was refused. @returns what it has changed */
  recordOperator(call: OperatorCall): OperatorChange[] {
    const loaded = this.#tenant.requireLoaded();
    if (!loaded.ok) return [];
    const { records, pipeline } = loaded.value;
    const now = this.#tenant.host.clock();
    const changes = changesOf(call, operatorStateOf(loaded.value, now));
    records.add(operatorRecord(call, changes, pipeline.rev, now));
    records.flush();
    return changes;
  }

  /** Records, and logs, what a member or a token of the tenant has changed at the edge, or was refused. */
  recordChange(call: MemberCall): void {
    const loaded = this.#tenant.requireLoaded();
    if (!loaded.ok) return;
    const { records, pipeline, profile, tokens } = loaded.value;
    const { host } = this.#tenant;
    const now = host.clock();
    const token = tokens.find(call.tokenId);
    const as = token && actorOf(token);
    const record = operatorRecord({ ...call, as, before: {} }, [], pipeline.rev, now);
    records.add(record);
    records.flush();
    host.log(changeLine(profile.id, record, token?.person));
  }

  #operate<T>(act: (loaded: LoadedTenant) => Operation<T>): Operation<T> {
    const loaded = this.#tenant.requireLoaded();
    if (loaded.ok) return act(loaded.value);
    return loaded.error.reason === 'unavailable' ? UNAVAILABLE : NO_SUCH_TENANT;
  }
}
