import { createHash } from 'node:crypto';
import { canonicalJson } from '../../json/canonical.ts';
import { invalidInput } from '../errors.ts';
import type { ToolContext } from '../tool.ts';

/** Fits the longest board name and key in UTF-8, plus digest and authentication tag, in base64. */
export const MAX_CURSOR_CHARS = 2_560;

type Sealer = Pick<ToolContext, 'seal' | 'unseal'>;

const CONTENT = /^([0-9a-f]{16})\.(.+)$/s;

/**
 * A page cursor: the position of the next page and a digest of the list's filters, sealed with the tenant's secret.
 * @param filters the arguments that decide which entries the list has, without the page size
 */
export function encodeCursor({ seal }: Pick<Sealer, 'seal'>, filters: unknown, position: string): string {
  return seal(`${digest(filters)}.${position}`);
}

/** @throws ToolError `invalid_input` if the cursor was made for other filters or by another tenant */
export function decodeCursor({ unseal }: Pick<Sealer, 'unseal'>, filters: unknown, cursor: string): string {
  const [, found, position] = CONTENT.exec(unseal(cursor) ?? '') ?? [];
  if (position !== undefined && found === digest(filters)) return position;
  throw invalidInput(
    'cursor',
    'cursor does not belong to this list. Repeat the other arguments unchanged, or leave cursor out to start again.',
  );
}

function digest(filters: unknown): string {
  return createHash('sha256').update(canonicalJson(filters)).digest('hex').slice(0, 16);
}
