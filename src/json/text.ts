/** A list or an object that fits into a line of so many characters stands in one. */
const LINE_CHARS = 80;
/** Deeper levels are not indented further, so that the text stays near the size of the value. */
const MAX_INDENTS = 8;

interface Printed {
  readonly text: string;
  readonly isLine: boolean;
}

/**
 * A JSON value as text for a person: in full, with what is short in one line. Time and text grow with the size of the value
 * whatever its shape is, where `JSON.stringify` with an indent makes 15 MiB of a deep list of 240 KiB.
 * @param value nested no deeper than `MAX_JSON_DEPTH`
 */
export const jsonText = (value: unknown): string => print(value, 0).text;

function print(value: unknown, depth: number): Printed {
  if (typeof value !== 'object' || value === null)
    return { text: JSON.stringify(value) ?? 'null', isLine: true };
  if (Array.isArray(value)) {
    const items = value.map((item) => print(item, depth + 1));
    return enclose('[', items, ']', depth);
  }
  const members = Object.entries(value).map(([name, inner]) => {
    const { text, isLine } = print(inner, depth + 1);
    return { text: `${JSON.stringify(name)}: ${text}`, isLine };
  });
  return enclose('{', members, '}', depth);
}

const indent = (depth: number) => '  '.repeat(Math.min(depth, MAX_INDENTS));

function enclose(open: string, parts: readonly Printed[], close: string, depth: number): Printed {
  const chars = parts.reduce((sum, { text }) => sum + text.length + 2, 0);
  if (chars <= LINE_CHARS && parts.every(({ isLine }) => isLine))
    return { text: `${open}${parts.map(({ text }) => text).join(', ')}${close}`, isLine: true };
  const lines = open === '[' ? filled(parts) : parts.map(({ text }) => text);
  const inner = indent(depth + 1);
  return {
    text: `${open}\n${inner}${lines.join(`,\n${inner}`)}\n${indent(depth)}${close}`,
    isLine: false,
  };
}

/** The items of a list in as few lines as they fit into. */
function filled(items: readonly Printed[]): string[] {
  const lines: string[] = [];
  let line: string[] = [];
  let chars = 0;
  const end = () => {
    if (line.length > 0) lines.push(line.join(', '));
    line = [];
    chars = 0;
  };
  for (const { text, isLine } of items) {
    if (!isLine || chars + text.length > LINE_CHARS) end();
    line.push(text);
    chars += text.length + 2;
    if (!isLine) end();
  }
  end();
  return lines;
}
