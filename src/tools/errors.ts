import * as z from 'zod';

/** The codes that a tool error can have. Programs may rely on this list being complete. */
export const ERROR_CODES = [
  'invalid_input',
  'too_large',
  'quota_exceeded',
  'rate_limited',
  'forbidden',
  'unknown_handle',
  'pending_approval',
  'unavailable',
  'internal',
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

/** What is wrong with one argument, and what it must be instead. */
const faultFields = {
  field: z.string().optional().describe('The invalid argument.'),
  expected: z
    .string()
    .optional()
    .describe('What it must be: a type of JSON Schema, or `absent` if it must be left out.'),
  received: z.string().optional().describe('The type that was sent.'),
  allowed: z.array(z.string()).optional().describe('The values that it can have.'),
  min: z.number().optional().describe('The least value, or characters of a text, or items of a list.'),
  max: z.number().optional().describe('The most of the same.'),
  exclusive: z.array(z.string()).optional().describe('Arguments of which only one can be given.'),
};
const faultSchema = z.strictObject(faultFields);
export type Fault = z.infer<typeof faultSchema>;

const unknownArgumentSchema = z.strictObject({ name: z.string(), did_you_mean: z.string().optional() });
export type UnknownArgument = z.infer<typeof unknownArgumentSchema>;

/** The error of a failed call: `structuredContent.error` of a result with `isError: true`. */
export const toolErrorSchema = z.strictObject({
  code: z.enum(ERROR_CODES),
  message: z.string().describe('What is wrong, then what to do.'),
  retryable: z.boolean().describe('True if the same call can succeed later.'),
  ...faultFields,
  missing: z.array(z.string()).optional().describe('Arguments that the call needs.'),
  unknown: z.array(unknownArgumentSchema).optional().describe('Arguments that the tool does not have.'),
  faults: z
    .array(faultSchema)
    .optional()
    .describe('All invalid arguments, at most five, when there is more than one.'),
  current: z
    .string()
    .optional()
    .describe('What is stored, where the call does not fit it: its type or its id.'),
  limit: z.number().optional().describe('The limit that was exceeded.'),
  retry_after_ms: z.int().optional().describe('How long to wait before the next attempt.'),
  resets_at: z.iso.datetime().optional().describe('When the quota of calls that is used up begins anew.'),
  scope: z.string().optional().describe('The scope that the token lacks.'),
  approval_id: z
    .string()
    .optional()
    .describe('The held call, for tenant_approval: a person must approve it first.'),
  expires_at: z.iso.datetime().optional().describe('Until when a person can approve it.'),
  trace_id: z.string(),
  error_id: z.string().optional().describe('Identifies the cause in the logs of the operator.'),
  hint: z.string().optional(),
});
export type ToolErrorBody = z.infer<typeof toolErrorSchema>;

/** The optional fields of an error: `limit` in the unit that the message names, `retry_after_ms` in milliseconds. */
export type ToolErrorDetail = Pick<
  ToolErrorBody,
  | keyof Fault
  | 'missing'
  | 'unknown'
  | 'faults'
  | 'current'
  | 'limit'
  | 'retry_after_ms'
  | 'approval_id'
  | 'expires_at'
  | 'hint'
>;

/**
 * An expected failure of a call. A tool throws it; the pipeline rolls the call back and returns it to the caller as an
 * error result. Anything else that a tool throws is reported as `internal`, without its message.
 *
 * @example
 * ```ts
 * import { ToolError } from './errors.ts';
 *
 * const MAX_OPEN_TICKETS = 1000;
 *
 * function requireRoom(open: number): void {
 *   if (open < MAX_OPEN_TICKETS) return;
 *   const message = 'There are 1,000 open tickets. Close some, then retry.';
 *   throw new ToolError('quota_exceeded', message, { limit: MAX_OPEN_TICKETS });
 * }
 * ```
 */
export class ToolError extends Error {
  readonly code: ErrorCode;
  readonly detail: ToolErrorDetail;

  /** @param message what is wrong, then what to do; it must not contain data that other callers stored */
  constructor(code: ErrorCode, message: string, detail: ToolErrorDetail = {}) {
    super(message);
    this.name = 'ToolError';
    this.code = code;
    this.detail = detail;
  }
}

/**
 * Makes the error for an invalid argument.
 * @param field its name as the caller wrote it
 * @param detail what the next valid call needs, as fields: programs recover by them without reading the message
 */
export function invalidInput(
  field: string,
  message: string,
  detail: Omit<ToolErrorDetail, 'field'> = {},
): ToolError {
  return new ToolError('invalid_input', message, { field, ...detail });
}

/** The error for arguments of which one must be given and none is. `first` is the one that most callers mean. */
export const noneOf = (first: string, exclusive: readonly string[], message: string): ToolError =>
  invalidInput(first, message, { missing: [first], exclusive: [...exclusive] });

/** The error for an argument that cannot be given together with others, and must be left out. */
export const notWith = (field: string, exclusive: readonly string[], message: string): ToolError =>
  invalidInput(field, message, { expected: 'absent', exclusive: [...exclusive] });
