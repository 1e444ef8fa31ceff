import { utf8Bytes } from '../json/utf8.ts';
import type { ToolErrorBody } from '../tools/errors.ts';

/** The result of a tool call as JSON text, made from the tenant's JSON text without parsing it. */

/** A result holds the answer twice, as text and structured, and must not be larger than this. */
export const MAX_RESULT_BYTES = 8 * 1024 * 1024;
/** An answer of this length fits, whatever its characters are. */
const SURELY_FITS = MAX_RESULT_BYTES / 9;

/** What a result with this answer takes, in bytes. */
export const resultBytes = (json: string) => utf8Bytes(json) + utf8Bytes(JSON.stringify(json));

/** Whether a result with this answer is small enough. */
export const answerFits = (json: string) =>
  json.length <= SURELY_FITS || resultBytes(json) <= MAX_RESULT_BYTES;

export function answerTooLarge(trace_id: string): ToolErrorBody {
  const message =
    'The answer is too large for a result. Ask for fewer entries or fewer bytes, or use plain HTTP.';
  return { code: 'too_large', message, retryable: false, limit: MAX_RESULT_BYTES, trace_id };
}

/**
 * A successful `CallToolResult`.
 * @param answer JSON text of an object
 * @param more further members as JSON text, each with a comma before it
 */
export const answerResultJson = (answer: string, more: string) =>
  `{"content":[{"type":"text","text":${JSON.stringify(answer)}}],"structuredContent":${answer}${more}}`;

/** A failed `CallToolResult`. */
export const errorResultJson = (error: ToolErrorBody, more: string) =>
  `{"content":[{"type":"text","text":${JSON.stringify(error.message)}}],"structuredContent":{"error":${JSON.stringify(error)}},"isError":true${more}}`;
