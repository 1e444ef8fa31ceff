import type { Result } from '../../result.ts';
import { redactSecrets } from '../../telemetry/secrets.ts';
import { parseArguments } from '../../tools/arguments.ts';
import { ToolError } from '../../tools/errors.ts';
import { NotYet, type Tool } from '../../tools/tool.ts';
import type { HeldRow } from '../approvals/held-row.ts';
import { masked } from '../approvals/masked.ts';
import type { DryRun, HeldResult } from '../contract/approval.ts';
import type { Refusal } from '../contract/call.ts';
import { changesOf, changeText } from '../records/reading/changes.ts';
import { StorageFailure } from '../storage/database.ts';
import type { Token } from '../storage/tokens.ts';
import { runIdempotent } from './idempotency.ts';
import { toJson } from './outcomes.ts';
import type { PipelineParts } from './pipeline-parts.ts';
import { growthOf } from './storage-quota.ts';
import { type RunState, toolContext } from './tool-context.ts';
import { withholdStored } from './withhold.ts';
import { WorkMeter } from './work.ts';

/** A longer answer is shown to a person as the beginning of its text. */
const MAX_SHOWN_CHARS = 64 * 1024;

/** Thrown so that the transaction is undone. */
class Undone extends Error {
  readonly dryRun: DryRun;

  constructor(dryRun: DryRun) {
    super('undone');
    this.dryRun = dryRun;
  }
}

/** What is tried, as the pipeline knows it now. */
interface Trial {
  readonly tool: Tool;
  readonly rev: number;
  readonly held: HeldRow;
  readonly now: number;
  /** Whether the token may make the call. */
  readonly admitted: Result<Token, Refusal>;
}

/** What a held call would answer and change if it ran now, in a transaction that is undone. */
export function dryRun(parts: PipelineParts, trial: Trial): DryRun {
  const { tool, held, admitted } = trial;
  try {
    if (!admitted.ok) throw new ToolError('forbidden', wordsOf(admitted.error));
    const args = parseArguments(tool, JSON.parse(held.args));
    // Before the transaction, because what makes room must not be undone.
    if (!tool.annotations.readOnlyHint) parts.quota.requireRoom(growthOf(tool, args));
    return parts.db.transaction((): never => {
      throw new Undone(run(parts, trial, args, admitted.value));
    });
  } catch (cause) {
    if (cause instanceof Undone) return cause.dryRun;
    if (cause instanceof StorageFailure) throw cause;
    return { result: { error: errorOf(cause) }, changes: [] };
  }
}

function wordsOf({ reason }: Refusal): string {
  return reason === 'suspended'
    ? 'The tenant is suspended, so nothing is run.'
    : 'The token may not make this call any more.';
}

function run(
  parts: PipelineParts,
  { tool, rev, held, now }: Trial,
  args: Record<string, unknown>,
  token: Token,
): DryRun {
  const state: RunState = { rev, touched: new Set() };
  const meter = new WorkMeter(held.args.length);
  const context = toolContext(parts, {
    state,
    sql: meter.measured(parts.db),
    token,
    now,
    requireWritable: (chars) => meter.requireWritable(chars),
    requireReadable: (bytes) => meter.requireReadable(bytes),
    mayWait: false,
    waited: false,
    transport: 'mcp',
  });
  const json = runIdempotent(parts.db, { tool: tool.name, args, now }, () => {
    const answered = tool.run(args, context);
    if (answered instanceof NotYet) throw new Error('a tool returned NotYet although it must answer');
    return toJson(answered);
  });
  const shown = withholdStored(json, tool, token.scopes);
  const answer =
    shown.length > MAX_SHOWN_CHARS ? `${shown.slice(0, MAX_SHOWN_CHARS).toWellFormed()}…` : JSON.parse(shown);
  return { result: { answer: masked(answer) }, changes: changesUntil(parts, rev, state.rev, token) };
}

/** One line for each revision that is stored, and one that counts the others. */
function changesUntil({ db }: PipelineParts, from: number, to: number, token: Token): string[] {
  const lines = changesOf(db, { rev_from: from, rev_to: to, token_id: token.id })
    .filter(({ what }) => what !== 'not kept')
    .map(changeText);
  const others = to - from - lines.length;
  return others === 0 ? lines : [...lines, `and ${others} more`];
}

function errorOf(cause: unknown): Extract<HeldResult, { readonly error: unknown }>['error'] {
  if (cause instanceof ToolError) return { code: cause.code, message: redactSecrets(cause.message).text };
  return { code: 'internal', message: 'The tool fails with these arguments.' };
}
