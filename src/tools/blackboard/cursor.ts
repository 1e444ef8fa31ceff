import { createHash } from 'node:crypto';
import { canonicalJson } from '../../json/canonical.ts';
import { invalidInput } from '../errors.ts';
import type { ToolContext } from '../tool.ts';

/** Room for the longest board and key in UTF-8, with a tag and a digest, in base64. */
export const MAX_CURSOR_CHARS = 2_560;

type Sealer = Pick<ToolContext, 'seal' | 'unseal'>;

const PARSED = /^([0-9a-f]{16})\.(.+)$/s;

/**
 * Where the next page begins, with a digest of what is listed, in a text that only this tenant can make.
 * @param listed the arguments that decide which entries there are, without the size of the page
 */
export function encodeCursor({ seal }: Pick<Sealer, 'seal'>, listed: unknown, position: string): string {
  return seal(`${digest(listed)}.${position}`);
}

/** @throws ToolError `invalid_input` when the cursor was not made for `listed`, or not by this tenant */
export function decodeCursor({ unseal }: Pick<Sealer, 'unseal'>, listed: unknown, cursor: string): string {
  const [, made, position] = PARSED.exec(unseal(cursor) ?? '') ?? [];
  if (position !== undefined && made === digest(listed)) return position;
  throw invalidInput(
    'cursor',
    'cursor does not belong to this list; repeat the other arguments as they were, or leave cursor out to start again.',
  );
}

function digest(listed: unknown): string {
  return createHash('sha256').update(canonicalJson(listed)).digest('hex').slice(0, 16);
}
