/** Names that strangers choose and that a page shows. */

const MAX_NAME_CHARS = 60;

/** A name without what could change how the page around it reads: control characters, directions, line breaks. */
export function cleanName(name: string): string {
  const visible = name
    .slice(0, 1024)
    .normalize('NFKC')
    .replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '')
    .replace(/\s+/g, ' ')
    .trim();
  return [...visible].slice(0, MAX_NAME_CHARS).join('').trim();
}
