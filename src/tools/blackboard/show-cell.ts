/** How answers show a cell: fields that would repeat a default are left out. */
import { parseTags } from './cell.ts';

/** No tags are no field. @param tags as the cell's row has them */
export function showTags(tags: string): { tags?: string[] } {
  return tags === '[]' ? {} : { tags: parseTags(tags) };
}

/** The author as the caller named it. Left out if the caller named none, so that only the id of its token is known. */
export function showAuthor({ author, principal }: { author: string; principal: string }): { by?: string } {
  return author === principal ? {} : { by: author };
}

/** A page with more entries is compact, so that 50 ordinary entries take fewer than 1,900 tokens. */
const MAX_FULL_ENTRIES = 20;
export const isCompact = (entries: number) => entries > MAX_FULL_ENTRIES;
