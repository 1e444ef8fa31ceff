/**
 * Which statements a tool may send: those that read or write rows. Everything else is refused before it is sent, so
 * that no text can end its transaction, change the session or wait for others. The policies of the database do not
 * rely on it.
 */
const ROWS = /^(?:select|with|values|table|insert|update|delete|merge)\b/i;

/** True if the first word of the statement, after comments and parentheses, reads or writes rows. */
export function handlesRows(text: string): boolean {
  return ROWS.test(text.slice(startOf(text), startOf(text) + 16));
}

/** Where the first word begins. */
function startOf(text: string): number {
  let at = 0;
  for (;;) {
    if (/[\s(]/.test(text.charAt(at))) at++;
    else if (text.startsWith('--', at)) at = afterLine(text, at);
    else if (text.startsWith('/*', at)) at = afterComment(text, at);
    else return at;
  }
}

/** PostgreSQL ends a line at a carriage return as well. */
function afterLine(text: string, from: number): number {
  const length = text.slice(from).search(/[\r\n]/);
  return length === -1 ? text.length : from + length + 1;
}

/** Comments of SQL nest. */
function afterComment(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; ) {
    if (text.startsWith('/*', at)) {
      depth++;
      at += 2;
    } else if (text.startsWith('*/', at)) {
      depth--;
      at += 2;
      if (depth === 0) return at;
    } else at++;
  }
  return text.length;
}
