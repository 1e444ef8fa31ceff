import * as z from 'zod';

/** The codes that a tool error can have. Programs may rely on this list being complete. */
export const ERROR_CODES = [
  'invalid_input',
  'too_large',
  'quota_exceeded',
  'rate_limited',
  'forbidden',
  'unknown_handle',
  'unavailable',
  'internal',
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

/** The error of a failed call: `structuredContent.error` of a result with `isError: true`. */
export const toolErrorSchema = z.strictObject({
  code: z.enum(ERROR_CODES),
  message: z.string().describe('What is wrong, then what to do.'),
  retryable: z.boolean().describe('True if the same call can succeed later.'),
  field: z.string().optional().describe('The invalid argument.'),
  limit: z.number().optional().describe('The limit that was exceeded.'),
  retry_after_ms: z.int().optional().describe('How long to wait before the next attempt.'),
  scope: z.string().optional().describe('The scope that the token lacks.'),
  trace_id: z.string(),
  error_id: z.string().optional().describe('Identifies the cause in the logs of the operator.'),
  hint: z.string().optional(),
});
export type ToolErrorBody = z.infer<typeof toolErrorSchema>;

/** The optional fields of an error: `limit` in the unit that the message names, `retry_after_ms` in milliseconds. */
export type ToolErrorDetail = Pick<ToolErrorBody, 'field' | 'limit' | 'retry_after_ms' | 'hint'>;

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

/** Makes the error for an invalid argument. `field` is its name as the caller wrote it. */
export function invalidInput(field: string, message: string, hint?: string): ToolError {
  return new ToolError('invalid_input', message, hint === undefined ? { field } : { field, hint });
}
