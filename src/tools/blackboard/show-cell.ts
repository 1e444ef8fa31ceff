/** How answers show a cell: fields that would repeat a default are left out. */
import { parseTags } from './cell.ts';

/** No tags are no field. @param tags as the cell's row has them */
export function showTags(tags: string): { tags?: string[] } {
  return tags === '[]' ? {} : { tags: parseTags(tags) };
}

/**
 * The author as the caller named it. Left out if it says nothing: the author was not named, so that the id of the token stands for
 * it, or it is the agent whose name the key begins with.
 */
export function showAuthor(
  { author, principal }: { author: string; principal: string },
  key: string,
): { by?: string } {
  return author === principal || key.startsWith(`${author}/`) ? {} : { by: author };
}
