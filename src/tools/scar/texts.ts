import * as z from 'zod';
import { utf8Bytes } from '../../json/utf8.ts';
import { redactSecrets } from '../../telemetry/secrets.ts';
import { ToolError } from '../errors.ts';

/** Free-text arguments of the scar tools with their maximum sizes, in bytes of UTF-8. */
export const MAX_TEXT_BYTES = {
  error_message: 8192,
  context: 4096,
  resolution: 4096,
  action: 2048,
  cause: 2048,
  evidence: 1024,
} as const;
type TextField = keyof typeof MAX_TEXT_BYTES;

const isTextField = (field: string): field is TextField => Object.hasOwn(MAX_TEXT_BYTES, field);

/** An optional free text. The schema only states the maximum; `requireTextLimits` enforces it. */
export const freeText = (field: TextField) =>
  z.string().meta({ maxLength: MAX_TEXT_BYTES[field] }).optional();

/** A required free text. */
export const requiredText = (field: TextField, description: string) =>
  z.string().min(1).meta({ maxLength: MAX_TEXT_BYTES[field] }).describe(description);

/** @throws ToolError `too_large` for the first free text over its maximum size */
export function requireTextLimits(args: Readonly<Record<string, unknown>>): void {
  for (const [field, value] of Object.entries(args)) {
    if (!isTextField(field) || typeof value !== 'string') continue;
    const limit = MAX_TEXT_BYTES[field];
    // A UTF-16 unit takes at most three bytes in UTF-8, so most texts need not be encoded.
    if (value.length * 3 <= limit || utf8Bytes(value) <= limit) continue;
    throw new ToolError(
      'too_large',
      `${field} is larger than ${limit} bytes. Send only the part that describes the failure.`,
      { field, limit, max: limit },
    );
  }
}

/** Redacts credentials in every text that is stored, and counts them. */
export class Redactor {
  #count = 0;

  get count(): number {
    return this.#count;
  }

  text(text: string): string {
    const { text: redacted, count } = redactSecrets(text);
    this.#count += count;
    return redacted;
  }

  /** The redacted text; null if it is absent or blank. */
  optional(text: string | undefined): string | null {
    return text === undefined || text.trim() === '' ? null : this.text(text);
  }
}

/** The redacted text; null if it is absent. */
export function redacted(text: string): string;
export function redacted(text: string | undefined): string | null;
export function redacted(text: string | undefined): string | null {
  return text === undefined ? null : redactSecrets(text).text;
}
