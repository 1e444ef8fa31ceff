import { clip } from '../../telemetry/redact.ts';
import { ToolError } from '../errors.ts';
import type { Sql, SqlRow } from '../tool.ts';
import type { FailureClass, Severity, State } from './state.ts';

/** Scars of one tenant. A lookup that finds nothing exact may have to rank all of them. */
export const MAX_SCARS = 10_000;
/** Tags of one scar. */
export const MAX_TAGS = 16;
const MAX_SUMMARY_CHARS = 120;

export interface Scar extends SqlRow {
  id: number;
  rev: number;
  project: string | null;
  tool: string | null;
  target: string | null;
  error_type: string;
  error_code: string | null;
  /** The beginning of the message or, without one, of the context. */
  beginning: string | null;
  cause: string | null;
  class: FailureClass;
  severity: Severity | null;
  /** A JSON list. */
  tags: string;
  state: State;
  occurrences: number;
  wrong_matches: number;
  principal: string;
  agent: string | null;
  first_seen: number;
  last_seen: number;
  tokens: string;
  /** How many of the tokens, the first ones, are of the message. */
  message_words: number;
  /** The beginning of what was tried. */
  action: string | null;
}

/** What the tools need of a scar `s`: the long texts stay where they are. */
export const SCAR_COLUMNS = `s.id, s.rev, s.project, s.tool, s.target, s.error_type, s.error_code,
  substr(coalesce(s.error_message, s.context), 1, 400) AS beginning, s.cause, s.class, s.severity, s.tags, s.state,
  s.occurrences, s.wrong_matches, s.principal, s.agent, s.first_seen, s.last_seen, s.tokens,
  s.message_words, substr(s.action, 1, 400) AS action`;

/** One line that says what failed. */
export function summaryOf(scar: Scar): string {
  return clip((scar.beginning ?? '').replace(/\s+/g, ' ').trim(), MAX_SUMMARY_CHARS);
}

export const scarIdText = (id: number) => `scar_${id}`;
export const fixIdText = (id: number) => `fix_${id}`;

const SCAR_ID = /^scar_([1-9]\d{0,14})$/;
const FIX_ID = /^fix_([1-9]\d{0,14})$/;

/** The row id in the text of a fix's id; undefined when it is no such text. */
export function parseFixId(text: string): number | undefined {
  const digits = FIX_ID.exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** The row id in the text of a scar's id; undefined when it is no such text. */
export function parseScarId(text: string): number | undefined {
  const digits = SCAR_ID.exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

export function scarById(sql: Sql, id: number): Scar | undefined {
  const [scar] = sql.exec<Scar>(`SELECT ${SCAR_COLUMNS} FROM scars AS s WHERE s.id = ?`, id);
  return scar;
}

/**
 * The scar with this id; the id of a merged scar leads to the one that it is part of.
 * @throws ToolError `unknown_handle`
 */
export function requireScar(sql: Sql, text: string, field = 'scar_id'): Scar {
  const id = parseScarId(text);
  const scar = id === undefined ? undefined : (scarById(sql, id) ?? mergedScar(sql, id));
  if (scar !== undefined) return scar;
  throw new ToolError('unknown_handle', `There is no scar with this ${field}; take the id from an answer.`, {
    field,
    hint: 'scar_record and scar_lookup answer with the scar_id.',
  });
}

function mergedScar(sql: Sql, id: number): Scar | undefined {
  const [scar] = sql.exec<Scar>(
    `SELECT ${SCAR_COLUMNS} FROM scar_fingerprints AS f JOIN scars AS s ON s.id = f.scar_id WHERE f.origin = ? LIMIT 1`,
    id,
  );
  return scar;
}

export function scarByFingerprint(sql: Sql, fingerprint: string): Scar | undefined {
  const [scar] = sql.exec<Scar>(
    `SELECT ${SCAR_COLUMNS} FROM scar_fingerprints AS f JOIN scars AS s ON s.id = f.scar_id WHERE f.fingerprint = ?`,
    fingerprint,
  );
  return scar;
}

/** @throws ToolError `quota_exceeded` when the tenant has as many scars as it can have */
export function requireRoomForScar(sql: Sql): void {
  const [row] = sql.exec<{ scars: number }>('SELECT count(*) AS scars FROM scars');
  if (row === undefined || row.scars < MAX_SCARS) return;
  throw new ToolError(
    'quota_exceeded',
    'As many kinds of failure are stored as can be; have some of them deleted, then repeat the call.',
    { limit: MAX_SCARS },
  );
}
