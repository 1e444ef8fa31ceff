import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { canonicalJson } from '../canonical.ts';
import { invalidInput } from '../errors.ts';

/** Room for the longest key in UTF-8 and base64. */
export const MAX_CURSOR_CHARS = 2_048;

const PARSED = /^([0-9a-f]{16})\.(.+)$/s;

/**
 * Where the next page begins, with a digest of what is listed.
 * @param listed the arguments that decide which entries there are, without the size of the page
 */
export function encodeCursor(listed: unknown, position: string): string {
  return Buffer.from(`${digest(listed)}.${position}`).toString('base64url');
}

/** @throws ToolError `invalid_input` when the cursor was not made for `listed` */
export function decodeCursor(listed: unknown, cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString();
  const [, made, position] = PARSED.exec(text) ?? [];
  if (position !== undefined && made === digest(listed) && encodeCursor(listed, position) === cursor)
    return position;
  throw invalidInput(
    'cursor',
    'cursor does not belong to this list; repeat the other arguments as they were, or leave cursor out to start again.',
  );
}

function digest(listed: unknown): string {
  return createHash('sha256').update(canonicalJson(listed)).digest('hex').slice(0, 16);
}
