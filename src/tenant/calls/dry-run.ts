import { parseArguments } from '../../tools/arguments.ts';
import { ToolError } from '../../tools/errors.ts';
import { isRemoteTool } from '../../tools/remote-tool.ts';
import { NotYet, type Tool } from '../../tools/tool.ts';
import type { HeldRow } from '../approvals/held-row.ts';
import { masked } from '../approvals/masked.ts';
import type { DryRun, HeldResult } from '../contract/approval.ts';
import { changesOf, changeText } from '../records/reading/changes.ts';
import { StorageFailure } from '../storage/database.ts';
import { runIdempotent } from './idempotency.ts';
import { toJson } from './outcomes.ts';
import type { PipelineParts } from './pipeline-parts.ts';
import { type RunState, toolContext } from './tool-context.ts';
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

/**
 * What a held call would answer and change if it ran now, in a transaction that is undone.
 * @returns undefined for a tool that reaches other systems, which nobody could undo
 */
export function dryRun(parts: PipelineParts, rev: number, held: HeldRow, now: number): DryRun | undefined {
  const tool = parts.catalogue.find(held.tool);
  if (tool === undefined || isRemoteTool(tool)) return undefined;
  try {
    return parts.db.transaction((): never => {
      throw new Undone(run(parts, tool, rev, held, now));
    });
  } catch (cause) {
    if (cause instanceof Undone) return cause.dryRun;
    if (cause instanceof StorageFailure) throw cause;
    return { result: { error: errorOf(cause) }, changes: [] };
  }
}

function run(parts: PipelineParts, tool: Tool, rev: number, held: HeldRow, now: number): DryRun {
  const sent: unknown = JSON.parse(held.args);
  const args = parseArguments(tool, sent);
  const token = parts.tokens.active(held.token_id, now);
  if (token === undefined || (tool.scope !== 'any' && !token.scopes.includes(tool.scope)))
    throw new ToolError('forbidden', 'The token may not make this call any more.');
  const state: RunState = { rev, touched: new Set() };
  const meter = new WorkMeter(held.args.length);
  const context = toolContext(parts, {
    state,
    sql: meter.measured(parts.db),
    token,
    now,
    requireWritable: (chars) => meter.requireWritable(chars),
    mayWait: false,
    waited: false,
    transport: 'mcp',
  });
  const json = runIdempotent(parts.db, { tool: tool.name, args, now }, () => {
    const answered = tool.run(args, context);
    if (answered instanceof NotYet) throw new Error('a tool returned NotYet although it must answer');
    return toJson(answered);
  });
  const changes = changesOf(parts.db, { rev_from: rev, rev_to: state.rev, token_id: token.id })
    .filter(({ what }) => what !== 'not kept')
    .map(changeText);
  const answer =
    json.length > MAX_SHOWN_CHARS ? `${json.slice(0, MAX_SHOWN_CHARS).toWellFormed()}…` : JSON.parse(json);
  return { result: { answer: masked(answer) }, changes };
}

function errorOf(cause: unknown): Extract<HeldResult, { readonly error: unknown }>['error'] {
  if (cause instanceof ToolError) return { code: cause.code, message: cause.message };
  return { code: 'internal', message: 'The tool fails with these arguments.' };
}
