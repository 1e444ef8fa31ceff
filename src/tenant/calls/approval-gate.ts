import { createHash } from 'node:crypto';
import { canonicalJson } from '../../json/canonical.ts';
import { ToolError } from '../../tools/errors.ts';
import type { AnyTool } from '../../tools/remote-tool.ts';
import { isRemoteTool } from '../../tools/remote-tool.ts';
import { approvalTopic, tenantApproval } from '../../tools/tenant/approval.ts';
import { type HeldRow, stateAt } from '../approvals/held-row.ts';
import { needsApproval } from '../approvals/policy.ts';
import type { CallRequest, RemoteCompletion } from '../contract/call.ts';
import type { Token } from '../storage/tokens.ts';
import { approvalLine } from './approval-log.ts';
import type { Approval } from './attempt.ts';
import { runKeyOfRequest } from './call-record.ts';
import { isAnswered } from './idempotency.ts';
import type { PipelineParts } from './pipeline-parts.ts';

/** Which calls a person must approve, and which of those may run. */
export class ApprovalGate {
  readonly #parts: PipelineParts;
  /** Whether calls of any tool need approval: asked before every call. */
  readonly holdsCalls: boolean;
  readonly #published: ReadonlyMap<string, AnyTool>;

  constructor(parts: PipelineParts) {
    this.#parts = parts;
    const { tools, destructive } = parts.profile.policy;
    this.holdsCalls = destructive || Object.values(tools).some(Boolean);
    this.#published = new Map(parts.catalogue.tools.map((tool) => [tool.name, tool]));
  }

  /**
   * Whether a call must be approved.
   * @throws ToolError `forbidden` for what cannot be held: what a transport or a page asks in place of such a tool
   */
  isNeeded(tool: AnyTool, { caller }: CallRequest, { person }: Token): boolean {
    // Whoever looks at a page in person is somebody who could approve.
    if (!this.holdsCalls || person !== undefined) return false;
    const own = this.#published.get(tool.name);
    const judged = (own === undefined ? this.#shownBy(tool) : [own]).find((one) =>
      needsApproval(this.#parts.profile.policy, one),
    );
    if (judged === undefined) return false;
    if (judged === tool && caller.transport !== 'console') return true;
    throw new ToolError(
      'forbidden',
      `A person must approve each call of ${judged.name}, so this shows nothing of it. Call the tool itself.`,
    );
  }

  /** The published tools that show of the tenant's data what an internal tool shows. */
  #shownBy({ scope }: AnyTool): AnyTool[] {
    return scope === 'any' ? [] : [...this.#published.values()].filter((tool) => tool.scope === scope);
  }

  /** The yes under which the call may run at once, or `repeat` for one whose answer is stored already; undefined: none. */
  given(request: CallRequest, tool: AnyTool, args: Record<string, unknown>, now: number) {
    const key = { token_id: request.tokenId, tool: tool.name, run_key: runKeyOfRequest(request) };
    const standing = this.#standing(key, now);
    if (standing !== undefined)
      return { id: standing.id, by: standing.given_by, held: undefined } satisfies Approval;
    return isAnswered(this.#parts.db, { tool: tool.name, args, now }) ? ('repeat' as const) : undefined;
  }

  #standing(call: Pick<HeldRow, 'token_id' | 'tool' | 'run_key'>, now: number) {
    const { heldCalls, records } = this.#parts;
    return heldCalls.standing.of(call, records.runStart(call.run_key, now), now);
  }

  /**
   * Holds a call, in the caller's transaction. A repeat of an open one is that one.
   * @param args validated
   * @throws ToolError when it cannot be held
   */
  hold(
    request: CallRequest,
    tool: AnyTool,
    args: Record<string, unknown>,
    now: number,
  ): { readonly row: HeldRow; readonly isNew: boolean } {
    const { heldCalls } = this.#parts;
    const digest = createHash('sha256')
      .update(`${tool.name} ${canonicalJson(args)}`)
      .digest('hex');
    const known = heldCalls.same(request.tokenId, digest, now);
    if (known !== undefined) return { row: known, isNew: false };
    const row = heldCalls.hold(
      {
        token_id: request.tokenId,
        tool: tool.name,
        digest,
        run_key: runKeyOfRequest(request),
        trace_id: request.caller.trace.traceId,
        client: request.caller.clientName ?? null,
        args: JSON.stringify(request.args),
      },
      now,
    );
    return { row, isNew: true };
  }

  /**
   * The held call that a call of `tenant_approval` may run now: one that is approved, or that needs no approval any more.
   * @returns undefined when the call is of another tool, or what it names cannot be run: the tool then says why
   */
  redeemable({ tokenId, tool, args }: CallRequest, now: number): Approval | undefined {
    if (tool !== tenantApproval.name) return undefined;
    const held = this.#named(args);
    if (held === undefined || held.token_id !== tokenId) return undefined;
    if (stateAt(held, now) !== held.state) {
      this.#settle(held, now);
      return undefined;
    }
    if (held.state === 'approved') return { id: held.id, by: held.decided_by ?? '', held };
    if (held.state !== 'pending') return undefined;
    const standing = this.#standing(held, now);
    if (standing !== undefined) return { id: held.id, by: standing.given_by, held };
    const judged = this.#published.get(held.tool);
    const isFree = judged !== undefined && !needsApproval(this.#parts.profile.policy, judged);
    return isFree ? { id: held.id, by: 'policy', held } : undefined;
  }

  /** The tool whose stored answer a call of `tenant_approval` asks for again, which takes the scope of that tool. */
  ended({ tokenId, tool, args }: CallRequest): AnyTool | undefined {
    const held = tool === tenantApproval.name ? this.#named(args) : undefined;
    const isOwn = held?.token_id === tokenId && held.state === 'done';
    return isOwn ? this.#parts.catalogue.find(held.tool) : undefined;
  }

  /** The held call that the arguments of `tenant_approval` name. */
  #named(args: unknown): HeldRow | undefined {
    const id: unknown = Reflect.get(Object(args), 'approval_id');
    return typeof id === 'string' ? this.#parts.heldCalls.find(id) : undefined;
  }

  /** Stores that the time of a held call is over, or that its end was lost. */
  #settle(held: HeldRow, now: number): void {
    const { db, heldCalls, log, profile } = this.#parts;
    const settled = db.transaction(() => heldCalls.settle(held, now));
    log(approvalLine('approval.expired', profile.id, settled));
  }

  /** Stores that a held call was begun. @throws Error when it was begun or has ended before */
  begin({ held, by }: Approval, slot: string, now: number): void {
    if (held !== undefined)
      this.#parts.db.transaction(() => this.#parts.heldCalls.start(held, slot, by, now));
  }

  /** Stores the end of a held call that was run elsewhere. @returns who had approved it */
  complete(id: string, { slot, error, answer, isAsking }: RemoteCompletion, now: number): string | undefined {
    const { db, heldCalls, committed } = this.#parts;
    return db.transaction(() => {
      const held = heldCalls.find(id);
      if (held === undefined) return undefined;
      const result = error === undefined ? `{"answer":${answer ?? 'null'}}` : JSON.stringify({ error });
      if (isAsking === true) heldCalls.rewind(held, slot);
      else heldCalls.complete(held, slot, result, now);
      committed(new Set([approvalTopic(id)]));
      return held.decided_by ?? undefined;
    });
  }
}

/** Why a held call cannot be run by whoever redeems it; it stays approved. */
export function notHere(tool: AnyTool, { isBatched, caller }: CallRequest): ToolError | undefined {
  if (!isRemoteTool(tool)) return undefined;
  if (isBatched === true)
    return new ToolError(
      'invalid_input',
      'The held call reaches other systems and cannot be redeemed in a batch. Send tenant_approval alone.',
    );
  if (caller.transport === 'v1' && tool.asks)
    return new ToolError('forbidden', 'The held call asks its caller something. Redeem it by MCP.');
  return undefined;
}
