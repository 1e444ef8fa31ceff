import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './workerd.ts';

/** Writes what was measured into the documents: a part of `docs/figures.md` between two comments, and the charts beside it. */

const DOCUMENT = 'docs/figures.md';
const CHARTS = 'docs/figures';

export interface Chart {
  /** Of its file, without the extension. */
  readonly name: string;
  readonly svg: string;
  /** What it shows, for those who do not see it. */
  readonly alt: string;
}

/** The document with another text between the comments of this name. @throws Error when it has none */
export function replacePart(document: string, name: string, text: string): string {
  const [begin, end] = [`<!-- measured: ${name} -->`, `<!-- end: ${name} -->`];
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${DOCUMENT} has no part "${name}"`);
  return `${document.slice(0, from + begin.length)}\n\n${text.trim()}\n\n${document.slice(to)}`;
}

/** @param text Markdown that follows the charts */
export function writePart(name: string, charts: readonly Chart[], text: string): void {
  mkdirSync(join(ROOT, CHARTS), { recursive: true });
  for (const chart of charts) writeFileSync(join(ROOT, CHARTS, `${chart.name}.svg`), chart.svg);
  const images = charts.map((chart) => `![${chart.alt}](figures/${chart.name}.svg)`);
  const path = join(ROOT, DOCUMENT);
  const document = replacePart(readFileSync(path, 'utf8'), name, [...images, text].join('\n\n'));
  writeFileSync(path, document);
  console.error(`Written: ${DOCUMENT}, ${charts.map((chart) => `${CHARTS}/${chart.name}.svg`).join(', ')}`);
}
