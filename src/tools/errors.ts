import * as z from 'zod';

/** The closed list of codes that a tool's error may have. */
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

/** `structuredContent.error` of a result with `isError: true`. */
export const toolErrorSchema = z.strictObject({
  code: z.enum(ERROR_CODES),
  message: z.string().describe('One sentence: what is wrong and what to do.'),
  retryable: z.boolean().describe('Whether the same call can succeed later.'),
  field: z.string().optional().describe('The argument at fault.'),
  limit: z.number().optional().describe('The limit that was exceeded.'),
  retry_after_ms: z.int().optional().describe('How long to wait before the next try.'),
  trace_id: z.string(),
  error_id: z.string().optional().describe('Finds the cause in the logs of the operator.'),
  hint: z.string().optional(),
});
export type ToolErrorBody = z.infer<typeof toolErrorSchema>;

export type ToolErrorDetail = Pick<ToolErrorBody, 'field' | 'limit' | 'retry_after_ms' | 'hint'>;

/** An expected failure, raised by a tool or the pipeline and turned into an error result by the boundary. */
export class ToolError extends Error {
  readonly code: ErrorCode;
  readonly detail: ToolErrorDetail;

  /** @param message one sentence that holds nothing of what others stored */
  constructor(code: ErrorCode, message: string, detail: ToolErrorDetail = {}) {
    super(message);
    this.name = 'ToolError';
    this.code = code;
    this.detail = detail;
  }
}

/** Refuses the argument `field`; `message` says what it should be. */
export function invalidInput(field: string, message: string, hint?: string): ToolError {
  return new ToolError('invalid_input', message, hint === undefined ? { field } : { field, hint });
}
