import type * as z from 'zod';
import type { AnswersTo, Question, Questions } from './ask.ts';
import type { ConnectionKinds, DeclaredConnections } from './connection.ts';
import type { Annotations, Tool, ToolDeclaration } from './tool.ts';

export const MESSAGE_LEVELS = ['debug', 'info', 'warning', 'error'] as const;

/**
 * Everything that a remote tool is given besides its arguments. It contains no environment, no `fetch` and no stored
 * data, and nothing in it can be pointed at another tenant.
 *
 * @example
 * ```ts
 * import * as z from 'zod';
 * import { ToolError } from './errors.ts';
 * import type { RemoteContext } from './remote-tool.ts';
 *
 * const confirmation = z.object({ sure: z.boolean() });
 *
 * // Asks before there is any effect: a client of 2026-07-28 answers with another call, which runs the tool again.
 * async function requireConfirmation({ ask }: RemoteContext, message: string): Promise<void> {
 *   const { confirm } = await ask({ confirm: { kind: 'elicit', message, schema: confirmation } });
 *   if (confirm.action === 'accept' && confirm.content.sure) return;
 *   throw new ToolError('forbidden', 'The user has not confirmed it. Ask the user first.');
 * }
 * ```
 */
export interface RemoteContext<Connections extends DeclaredConnections = DeclaredConnections> {
  /** The tenant's id, for naming things. It comes from the token, never from an argument. */
  readonly tenant: string;
  /** The id of the token that calls, which stays the same for its lifetime. */
  readonly principal: string;
  /** When the tenant has admitted the call, in milliseconds since the epoch. */
  readonly now: number;
  /** Aborts when the client cancels or disconnects, when the deadline passes, and at the end: what was not waited for is ended. */
  readonly signal: AbortSignal;
  /** Sends a log message to the client, if it wants messages of this level. */
  log(level: (typeof MESSAGE_LEVELS)[number], data: unknown): Promise<void>;
  /** Reports progress to a client that has asked for it. `done` must increase with every report. */
  progress(done: number, total?: number): Promise<void>;
  /**
   * Asks the caller, in every revision of MCP. The tool must declare `asks: true`, and must ask before it has any effect,
   * in the same order in every run: a client of 2026-07-28 answers with another call, which runs the tool again.
   * @throws ToolError `forbidden` when the client cannot be asked this, `invalid_input` when its answer does not fit
   */
  ask<Asked extends Questions>(questions: Asked): Promise<AnswersTo<Asked>>;
  /** Whether the client has declared that it can be asked this. */
  canAsk(kind: Question['kind']): boolean;
  /**
   * A connection of the tenant that the tool declares. `HttpConnection` says what can be done with one.
   * @throws ToolError `forbidden` when the tenant has none of this name and kind
   */
  connection<Name extends keyof Connections & string>(name: Name): ConnectionKinds[Connections[Name]];
}

/**
 * A tool that reaches an external system or asks its caller something while it runs. It is asynchronous and runs outside
 * the tenant and outside any transaction, after the tenant has admitted, charged and validated the call. A deadline
 * limits each run, and a cap limits how many of a tenant's runs are active at once. MCP serves it in every revision, and
 * plain HTTP serves it if it asks nothing.
 */
export interface RemoteTool<
  Input extends z.ZodObject = z.ZodObject,
  Output extends z.ZodObject = z.ZodObject,
  Connections extends DeclaredConnections = DeclaredConnections,
> extends ToolDeclaration<Input> {
  readonly kind: 'remote';
  readonly annotations: Omit<Annotations, 'openWorldHint'> & { readonly openWorldHint: boolean };
  /** A strict object that describes every answer. An answer that does not fit it is reported as `internal`. */
  readonly output: Output;
  /** Whether it asks its caller anything. Plain HTTP does not serve such a tool. */
  readonly asks: boolean;
  /** The connections that it uses, by name: what kind each is, such as `{ crm: 'http' }`. */
  readonly connections: Connections;
  /**
   * Runs one call.
   * @returns an object that `output` describes
   * @throws ToolError for an expected failure, which the caller sees; anything else is reported as `internal`
   */
  run(args: z.output<Input>, context: RemoteContext<Connections>): Promise<z.input<Output>>;
}

export type AnyTool = Tool | RemoteTool;

/**
 * Declares a remote tool: one that reaches an external system or asks its caller something. Its scope may belong to any
 * family of `families.ts`.
 *
 * @example
 * ```ts
 * import * as z from 'zod';
 * import { text } from './fields.ts';
 * import { defineRemoteTool } from './remote-tool.ts';
 *
 * const form = z.object({ reason: z.string().max(200) });
 *
 * export const scarReason = defineRemoteTool({
 *   kind: 'remote',
 *   name: 'scar_reason',
 *   title: 'Ask for a reason',
 *   description: 'Asks the user why an action failed. Use it when the error message does not say why.',
 *   scope: 'scar:read',
 *   cost: 2,
 *   asks: true,
 *   connections: {},
 *   annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
 *   input: z.strictObject({ action: text(1, 200) }),
 *   output: z.strictObject({ reason: z.string().optional() }),
 *   log: { action: 'length' },
 *   run: async ({ action }, { ask }) => {
 *     const message = `Why did this fail: ${action}?`;
 *     const { answer } = await ask({ answer: { kind: 'elicit', message, schema: form } });
 *     return answer.action === 'accept' ? answer.content : {};
 *   },
 * });
 * ```
 */
export function defineRemoteTool<
  Input extends z.ZodObject,
  Output extends z.ZodObject,
  const Connections extends DeclaredConnections,
>(tool: RemoteTool<Input, Output, Connections>): RemoteTool<Input, Output, Connections> {
  return tool;
}

export const isRemoteTool = (tool: AnyTool): tool is RemoteTool => 'kind' in tool;

/** Whether a call of the tool can be served without a protocol in which its caller could be asked something. */
export const asksNothing = (tool: AnyTool): boolean => !isRemoteTool(tool) || !tool.asks;
