import { clip } from '../../telemetry/redact.ts';
import type { Sql, SqlRow } from '../tool.ts';
import { actionKey, commandText } from './command-line.ts';
import { foldTool } from './names.ts';
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

interface Searchable {
  tokens: string;
  messageWords: number;
  names: string;
  toolName: string | null;
  actionKey: string | null;
}

/** The indexed columns of a scar, computed from its texts. */
export function searchable(texts: Texts): Searchable {
  const { error_type, error_code, tool, target, tags, cause, action } = texts;
  const { tokens, messageWords } = wordsOf(texts.error_message, action && commandText(action), texts.context);
  const names = [error_type, error_code, tool, target, tags, cause].filter((name) => name !== null);
  return {
    tokens: tokens.join(' '),
    messageWords,
    names: clip(names.join(' '), MAX_NAMES_CHARS),
    toolName: tool && foldTool(tool),
    actionKey: action && actionKey(action),
  };
}

/** Recomputes a scar's indexed columns from its texts alone. Words that came from merged scars are dropped. */
export function reindex(sql: Sql, scarId: number): void {
  const [texts] = sql.exec<Texts & SqlRow>(
    `SELECT error_type, error_code, error_message, tool, target, action, context, cause, tags FROM scars WHERE id = ?`,
    scarId,
  );
  if (texts === undefined) return;
  const columns = searchable(texts);
  sql.exec(
    'UPDATE scars SET tokens = ?, message_words = ?, names = ?, tool_name = ?, action_key = ? WHERE id = ?',
    columns.tokens,
    columns.messageWords,
    columns.names,
    columns.toolName,
    columns.actionKey,
    scarId,
  );
}
