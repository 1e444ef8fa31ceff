import type * as z from 'zod';

/**
 * Arguments that popular clients add to the arguments of every call, for purposes of their own. They say nothing to a
 * tool, and a call that has them is otherwise right. `docs/clients.md` lists them.
 */
const ENVELOPE: ReadonlySet<string> = new Set([
  // n8n
  'toolCallId',
  'sessionId',
  'chatInput',
  // agent loops that pass the id of the model's call on
  'tool_call_id',
  // Cline
  'task_progress',
  // OpenHands
  'security_risk',
  // Antigravity
  'toolAction',
  'toolSummary',
  'waitForPreviousTools',
]);

/** Names that n8n adds as well, and that mean something elsewhere: dropped only beside its `toolCallId`. */
const BESIDE_TOOL_CALL_ID: ReadonlySet<string> = new Set(['action', 'tool']);

/** The names of those arguments of a call that its tool does not have and that a client has added. */
export function envelopeArguments(schema: z.ZodObject, args: unknown): readonly string[] {
  if (typeof args !== 'object' || args === null || Array.isArray(args)) return [];
  const isFromN8n = Object.hasOwn(args, 'toolCallId');
  return Object.keys(args).filter(
    (name) =>
      (ENVELOPE.has(name) || (isFromN8n && BESIDE_TOOL_CALL_ID.has(name))) &&
      !Object.hasOwn(schema.shape, name),
  );
}
