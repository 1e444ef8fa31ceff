import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The project's documents, and what the tests read out of them. */

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

export interface Document {
  /** From the root of the project. */
  readonly path: string;
  readonly text: string;
}

/** Every document, the README first. */
export const DOCUMENTS: readonly Document[] = [
  'README.md',
  ...globSync('docs/**/*.md', { cwd: ROOT }).sort(),
  'examples/README.md',
  'src/telemetry/TELEMETRY.md',
  'AGENTS.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'CHANGELOG.md',
].map((path) => ({ path, text: readFileSync(`${ROOT}${path}`, 'utf8') }));

/** @throws when there is no such document */
export function documentAt(path: string): Document {
  const found = DOCUMENTS.find((document) => document.path === path);
  if (found === undefined) throw new Error(`there is no document ${path}`);
  return found;
}

export interface Block {
  readonly document: string;
  /** The line of its opening fence, from 1. */
  readonly line: number;
  /** The first word after the fence, such as `sh`. */
  readonly language: string;
  readonly lines: readonly string[];
}

/** The fenced code blocks of a document, without the indentation of their fences (CommonMark, section 4.5). */
export function blocksOf({ path, text }: Document): Block[] {
  const blocks: Block[] = [];
  let open: { fence: string; indent: number; line: number; language: string; lines: string[] } | undefined;
  text.split('\n').forEach((content, index) => {
    const [, indent = '', fence = '', language = ''] = /^( *)(`{3,})(\w*)/.exec(content) ?? [];
    if (open === undefined) {
      if (fence !== '') open = { fence, indent: indent.length, line: index + 1, language, lines: [] };
    } else if (content.trim() === open.fence) {
      blocks.push({ document: path, line: open.line, language: open.language, lines: open.lines });
      open = undefined;
    } else open.lines.push(content.slice(open.indent));
  });
  if (open !== undefined) throw new Error(`${path}: the block at line ${open.line} has no end`);
  return blocks;
}

/** The text of a document without its code blocks, whose lines are left empty. */
export function proseOf({ text }: Document): string {
  let inside = false;
  return text
    .split('\n')
    .map((line) => {
      const fence = /^ *`{3,}/.test(line);
      if (fence) inside = !inside;
      return inside || fence ? '' : line;
    })
    .join('\n');
}

/** The inline code of a document. */
export function codeSpansOf(document: Document): string[] {
  return [...proseOf(document).matchAll(/`([^`\n]+)`/g)].map(([, code]) => code ?? '');
}

/** The targets of a document's links. */
export function linksOf(document: Document): string[] {
  const prose = proseOf(document).replaceAll(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target ?? '');
}

/** The anchors of a document's headings, as GitHub makes them. */
export function anchorsOf(document: Document): string[] {
  return [...proseOf(document).matchAll(/^#{1,6} +(.+)$/gm)].map(([, heading]) =>
    (heading ?? '')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** The cells of the rows of every table of a document, headings left out. */
export function rowsOf(document: Document): string[][] {
  const lines = proseOf(document).split('\n');
  return lines
    .filter((line, index) => line.startsWith('|') && !/^\|[-|: ]+\|$/.test(line) && !isHead(lines[index + 1]))
    .map((line) =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim().replaceAll('\\|', '|')),
    );
}

const isHead = (next: string | undefined) => next !== undefined && /^\|[-|: ]+\|$/.test(next);
