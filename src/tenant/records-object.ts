import type { Result } from '../result.ts';
import type { ReportedAnchor } from '../telemetry/metrics/report.ts';
import type { OperatorRead } from './calls/operator-reads.ts';
import type { CallOutcome, Refusal, RefusalCount, TokenId } from './contract/call.ts';
import type { MemberCall } from './member-changes.ts';
import type { Operation } from './operation.ts';
import type { OperatorCall, OperatorChange, OperatorState } from './operator-calls.ts';
import type { RecordReading } from './record-reading.ts';
import type { ExportRange, ExportStep, ExportTimes } from './records/reading/export.ts';
import type { FollowQuestion, Question } from './records/reading/readers.ts';
import type { TokenUse } from './records/reading/token-use.ts';
import type { Checked, Verified } from './records/verify.ts';
import type { SignIn } from './sign-in.ts';
import { SignInObject } from './sign-in-object.ts';

interface Parts {
  readonly signIn: () => SignIn;
  /** Tells the list of tenants under which accounts members sign in. */
  readonly report: () => Promise<void>;
  readonly reading: () => RecordReading;
}

/** The part of the tenant's Durable Object that reads its records for the operator. See `RecordReading` for each method. */
export class RecordsObject extends SignInObject {
  readonly #reading: () => RecordReading;

  constructor(ctx: DurableObjectState, env: Env, { signIn, report, reading }: Parts) {
    super(ctx, env, signIn, report);
    this.#reading = reading;
  }

  verify(after: Checked | undefined, outside?: ReportedAnchor): Operation<Verified> {
    return this.#reading().verify(after, outside);
  }

  /** Answers a question about the records, as JSON text. */
  ask(question: Question | 'follow', args: unknown): Operation<string> {
    return this.#reading().ask(question, args);
  }

  follow(tokenId: TokenId, question: FollowQuestion, args: unknown): Result<string, Refusal> {
    return this.#reading().follow(tokenId, question, args);
  }

  tokenUse(): Operation<TokenUse[]> {
    return this.#reading().tokenUse();
  }

  beginExport(times: ExportTimes): Operation<{ range: ExportRange; head: string }> {
    return this.#reading().beginExport(times);
  }

  exportStep(range: ExportRange): Operation<ExportStep> {
    return this.#reading().exportStep(range);
  }

  readAsOperator(read: OperatorRead): Operation<CallOutcome> {
    return this.#reading().readAsOperator(read);
  }

  operatorState(): OperatorState | undefined {
    return this.#reading().operatorState();
  }

  recordOperator(call: OperatorCall): OperatorChange[] {
    return this.#reading().recordOperator(call);
  }

  recordChange(call: MemberCall): void {
    this.#reading().recordChange(call);
  }

  countRefusals(refusals: readonly RefusalCount[]): void {
    this.#reading().countRefusals(refusals);
  }
}
