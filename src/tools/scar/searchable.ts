import { clip } from '../../telemetry/redact.ts';
import type { Sql, SqlRow } from '../tool.ts';
import { wordsOf } from './tokens.ts';

const MAX_NAMES_CHARS = 1024;

/** The searchable texts of a scar, redacted. */
interface Texts {
  error_type: string;
  error_code: string | null;
  error_message: string | null;
  tool: string | null;
  target: string | null;
  action: string | null;
  context: string | null;
  cause: string | null;
  /** A JSON list. */
  tags: string;
}

/** The indexed columns of a scar, computed from its texts. */
export function searchable(texts: Texts): { tokens: string; messageWords: number; names: string } {
  const { tokens, messageWords } = wordsOf(texts.error_message, texts.action, texts.context);
  const { error_type, error_code, tool, target, tags, cause } = texts;
  const names = [error_type, error_code, tool, target, tags, cause].filter((name) => name !== null);
  return { tokens: tokens.join(' '), messageWords, names: clip(names.join(' '), MAX_NAMES_CHARS) };
}

/** Recomputes a scar's indexed columns from its texts alone. Words that came from merged scars are dropped. */
export function reindex(sql: Sql, scarId: number): void {
  const [texts] = sql.exec<Texts & SqlRow>(
    `SELECT error_type, error_code, error_message, tool, target, action, context, cause, tags FROM scars WHERE id = ?`,
    scarId,
  );
  if (texts === undefined) return;
  const { tokens, messageWords, names } = searchable(texts);
  sql.exec(
    'UPDATE scars SET tokens = ?, message_words = ?, names = ? WHERE id = ?',
    tokens,
    messageWords,
    names,
    scarId,
  );
}
