import { createHash } from 'node:crypto';
import * as z from 'zod';
import { canonicalJson } from '../json/canonical.ts';
import { invalidInput } from './errors.ts';
import type { ToolContext } from './tool.ts';

/** Fits the longest board name and key in UTF-8, plus digest and authentication tag, in base64. */
export const MAX_CURSOR_CHARS = 2_560;

type Sealer = Pick<ToolContext, 'seal' | 'unseal'>;

/** The cursors of one list. */
export interface Cursors<Position> {
  /**
   * A text that only this tenant can make: the position where the next page begins, and a digest of the list's filters.
   * @param filters the arguments that decide which entries the list has, without the page size
   */
  encode(sealer: Pick<Sealer, 'seal'>, filters: unknown, position: Position): string;
  /** @throws ToolError `invalid_input` when the cursor was not made by this tenant, for this list and for `filters` */
  decode(sealer: Pick<Sealer, 'unseal'>, filters: unknown, cursor: string): Position;
}

/**
 * Makes the cursors of a list.
 * @param list the name of the list; the seal holds it, so that no cursor of another list is accepted
 * @param position checks what a cursor held: an older release may have made it with another shape
 */
export function cursorsOf<Position>(list: string, position: z.ZodType<Position>): Cursors<Position> {
  const purpose = `cursor ${list}`;
  const held = z.strictObject({ filters: z.string(), position });
  return {
    encode: ({ seal }, filters, position) =>
      seal(purpose, JSON.stringify({ filters: digest(filters), position })),
    decode: ({ unseal }, filters, cursor) => {
      const payload = unseal(purpose, cursor);
      const parsed = payload === undefined ? undefined : held.safeParse(parseJson(payload));
      if (parsed?.success && parsed.data.filters === digest(filters)) return parsed.data.position;
      throw invalidInput(
        'cursor',
        'cursor does not belong to this list. Repeat the other arguments unchanged, or leave cursor out to start again.',
        { expected: 'absent' },
      );
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function digest(filters: unknown): string {
  return createHash('sha256').update(canonicalJson(filters)).digest('hex').slice(0, 16);
}
