/** A row of a table; the names of its members are the headings. */
export type Row = Readonly<Record<string, string | number>>;

/** Formats rows as a Markdown table with aligned columns, so that it can be read on a terminal and pasted into a document. */
export function formatTable(rows: readonly Row[]): string {
  const headings = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = rows.map((row) => headings.map((heading) => escapeCell(String(row[heading] ?? ''))));
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, 3, ...cells.map((row) => row[column]?.length ?? 0)),
  );
  const line = (texts: readonly string[]) =>
    `| ${texts.map((text, column) => text.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const rule = line(widths.map((width) => '-'.repeat(width)));
  return [line(headings), rule, ...cells.map(line)].join('\n');
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
