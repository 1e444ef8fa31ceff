/**
 * Text as it is before a URL, JSON or HTML writes it: what stands before a credential there can hide its beginning, as in
 * `%20ghp_…` and `\nghp_…`.
 */

const PERCENT = /(?:%[0-9a-f]{2})+/gi;
/** JSON in JSON doubles the backslashes. */
const BACKSLASH = /\\{1,8}(?:([nrt"'/])|u00([0-7][0-9a-f]))/gi;
const ENTITY = /&(quot|apos|amp|#34|#39|#x22|#x27);/gi;

const UTF8 = new TextDecoder();
const WHITE: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', quot: '"', '#34': '"', '#x22': '"' };

export const unescaped = (text: string): string =>
  text
    .replace(PERCENT, (run) => UTF8.decode(Buffer.from(run.replaceAll('%', ''), 'hex')))
    .replace(BACKSLASH, (_, char: string | undefined, hex: string | undefined) =>
      char === undefined
        ? String.fromCharCode(Number.parseInt(hex ?? '', 16))
        : (WHITE[char.toLowerCase()] ?? char),
    )
    .replace(ENTITY, (_, name: string) => ENTITIES[name.toLowerCase()] ?? "'");
