import { sizeOfJson } from '../../json/size.ts';
import { redactForLog } from '../../telemetry/redact.ts';
import { parseArguments } from '../../tools/arguments.ts';
import { ToolError } from '../../tools/errors.ts';
import { isRemoteTool } from '../../tools/remote-tool.ts';
import { ALL_SCOPES, NotYet, type Tool } from '../../tools/tool.ts';
import type { CallerInfo, CallOutcome, CallRequest, TokenId } from '../contract/call.ts';
import { OPERATOR_TOKEN, OPERATOR_TRANSPORT } from '../records/operator.ts';
import type { Token } from '../storage/tokens.ts';
import { type Bucket, capacityOf, levelAt, MICRO, waitFor } from './bucket.ts';
import { callLine } from './call-log.ts';
import { NO_ANSWER, recordOf } from './call-record.ts';
import { type Ended, ending, failed } from './ending.ts';
import { expected, toJson } from './outcomes.ts';
import type { PipelineParts } from './pipeline-parts.ts';
import { toolContext } from './tool-context.ts';
import { WorkMeter } from './work.ts';

/** What the operator asks of a tenant to show it on a page. */
export interface OperatorRead {
  /** A tool that only reads. */
  readonly tool: string;
  readonly args: unknown;
  /** Who the operator says to be, which nothing proves. */
  readonly as: string | undefined;
  readonly caller: CallerInfo;
}

/** Reads of one tenant: a person who turns pages does not reach it. */
const READ_BURST = 60;
const READ_LIMIT = { rate: 10, burst: READ_BURST };
const MAX_NAME_CHARS = 64;
/** How long the operator may read, as the limits page shows it of a token. */
const HOLDS_MS = 3_600_000;

/** Thrown to undo the transaction of a read that was answered. */
class Answered {
  readonly json: string;

  constructor(json: string) {
    this.json = json;
  }
}

/**
 * What the operator reads of a tenant with the tools that the tenant's own pages use.
 *
 * Guarantees: no token is made, nothing of the tenant is changed, and no bucket or quota of it is charged. The work of one
 * read has the bounds of a call, and the reads of a tenant have a bucket of their own. Each read that was run is a record and
 * a log line of the tenant. A suspended tenant is read as well.
 */
export class OperatorReads {
  readonly #parts: Omit<PipelineParts, 'rev'>;
  readonly #rev: () => number;
  #bucket: Bucket;

  constructor(parts: Omit<PipelineParts, 'rev'>, rev: () => number) {
    this.#parts = parts;
    this.#rev = rev;
    this.#bucket = { level: capacityOf(READ_LIMIT), at: parts.monotonic() };
  }

  read({ tool: name, args, as, caller }: OperatorRead): CallOutcome {
    const { catalogue, clock, profile, records, log } = this.#parts;
    const tool = catalogue.find(name);
    if (tool === undefined || isRemoteTool(tool) || !tool.annotations.readOnlyHint)
      return { kind: 'unknown_tool' };
    const request = requestOf(name, args, caller);
    const shortage = this.#charge(request);
    if (shortage !== undefined) return shortage;
    // Who reads the records reads those of the last half second as well.
    records.flush();
    const now = clock();
    const { outcome, thrown } = this.#run(request, tool, now);
    const facts = { ...NO_ANSWER, scope: null, waitMs: 0, work: 0, revFrom: this.#rev(), revTo: this.#rev() };
    const record = recordOf(request, tool, outcome, facts, clock());
    const by = as === undefined ? {} : { by: redactForLog(as, MAX_NAME_CHARS) };
    const ofOperator = { ...record, transport: OPERATOR_TRANSPORT, args: { ...record.args, ...by } };
    records.add(ofOperator);
    log(callLine(profile.id, request, ofOperator, thrown));
    return outcome;
  }

  #charge(request: CallRequest): CallOutcome | undefined {
    const now = this.#parts.monotonic();
    const level = levelAt(this.#bucket, READ_LIMIT, now);
    const retry_after_ms = waitFor(MICRO, level, READ_LIMIT);
    if (retry_after_ms > 0) {
      const message = `The operator reads this tenant too fast. Wait ${retry_after_ms} ms, then reload the page.`;
      return expected(new ToolError('rate_limited', message, { retry_after_ms }), request);
    }
    this.#bucket = { level: level - MICRO, at: now };
    return undefined;
  }

  #run(request: CallRequest, tool: Tool, now: number): Pick<Ended, 'outcome' | 'thrown'> {
    const meter = new WorkMeter(sizeOfJson(request.args));
    const state = { rev: this.#rev(), touched: new Set<string>() };
    const context = toolContext(this.#parts, {
      state,
      sql: meter.measured(this.#parts.db),
      token: operatorToken(now),
      now,
      requireWritable: (chars) => meter.requireWritable(chars),
      requireReadable: (bytes) => meter.requireReadable(bytes),
      mayWait: false,
      waited: false,
      transport: 'console',
    });
    try {
      const args = parseArguments(tool, request.args);
      this.#parts.db.transaction(() => {
        const answer = tool.run(args, context);
        if (answer instanceof NotYet) throw new Error('a tool returned NotYet although it must answer');
        throw new Answered(toJson(answer));
      });
      throw new Error('a read was not undone');
    } catch (cause) {
      if (cause instanceof Answered) return ending({ kind: 'answer', json: cause.json });
      return failed(cause, request, tool, 0);
    }
  }
}

const requestOf = (tool: string, args: unknown, caller: CallerInfo): CallRequest => ({
  tokenId: OPERATOR_TOKEN as TokenId,
  session: undefined,
  cancelKey: caller.requestId,
  tool,
  args,
  caller,
});

/** What a tool may know of its caller. */
const operatorToken = (now: number): Token => ({
  id: OPERATOR_TOKEN as TokenId,
  label: OPERATOR_TOKEN,
  scopes: [...ALL_SCOPES],
  createdAt: now,
  expiresAt: now + HOLDS_MS,
  revokedAt: null,
  isGrant: false,
  refreshedAt: undefined,
  tools: undefined,
  person: undefined,
  member: undefined,
});
