import { clip } from '../../telemetry/redact.ts';
import { ToolError } from '../errors.ts';
import type { Sql, SqlRow } from '../tool.ts';
import type { FailureClass, Severity, State } from './state.ts';

/** Maximum number of scars per tenant. A lookup without an exact match may have to rank all of them. */
export const MAX_SCARS = 10_000;
/** Maximum number of tags per scar. */
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
  /** First 400 characters of the message or, without one, of the context. */
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
  /** How many tokens come from the message; these are the first ones. */
  message_words: number;
  /** First 400 characters of the attempted action. */
  action: string | null;
  /** What the action does; see `command-line.ts`. */
  action_key: string | null;
}

/** The columns of a scar `s` that the tools need, without the long texts. */
export const SCAR_COLUMNS = `s.id, s.rev, s.project, s.tool, s.target, s.error_type, s.error_code,
  substr(coalesce(s.error_message, s.context), 1, 400) AS beginning, s.cause, s.class, s.severity, s.tags, s.state,
  s.occurrences, s.wrong_matches, s.principal, s.agent, s.first_seen, s.last_seen, s.tokens,
  s.message_words, substr(s.action, 1, 400) AS action, s.action_key`;

/** One line about the failure, at most 120 characters. */
export function summaryOf(scar: Scar): string {
  return clip((scar.beginning ?? '').replace(/\s+/g, ' ').trim(), MAX_SUMMARY_CHARS);
}

export const scarIdText = (id: number) => `scar_${id}`;
export const fixIdText = (id: number) => `fix_${id}`;

const SCAR_ID = /^scar_([1-9]\d{0,14})$/;
const FIX_ID = /^fix_([1-9]\d{0,14})$/;

/** Parses `fix_<row id>`; undefined if malformed. */
export function parseFixId(text: string): number | undefined {
  const digits = FIX_ID.exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Parses `scar_<row id>`; undefined if malformed. */
export function parseScarId(text: string): number | undefined {
  const digits = SCAR_ID.exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

export function scarById(sql: Sql, id: number): Scar | undefined {
  const [scar] = sql.exec<Scar>(`SELECT ${SCAR_COLUMNS} FROM scars AS s WHERE s.id = ?`, id);
  return scar;
}

/**
 * The scar with this id. The id of a merged scar returns the scar that it was merged into.
 * @throws ToolError `unknown_handle`
 */
export function requireScar(sql: Sql, text: string, field = 'scar_id'): Scar {
  const id = parseScarId(text);
  const scar = id === undefined ? undefined : (scarById(sql, id) ?? mergedScar(sql, id));
  if (scar !== undefined) return scar;
  throw new ToolError(
    'unknown_handle',
    `There is no scar with this ${field}. Use a scar_id from an answer.`,
    {
      field,
      hint: 'scar_record and scar_lookup return the scar_id.',
    },
  );
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

/** Whether a fingerprint of this version is stored. All of a version begin with it, as `v1:` does. */
export const hasFingerprints = (sql: Sql, version: number): boolean =>
  sql.exec(
    'SELECT 1 AS found FROM scar_fingerprints WHERE fingerprint >= ? AND fingerprint < ? LIMIT 1',
    `v${version}:`,
    `v${version};`,
  ).length > 0;

/** @throws ToolError `quota_exceeded` when the tenant has 10,000 scars */
export function requireScarLimit(sql: Sql): void {
  const [row] = sql.exec<{ scars: number }>('SELECT sum(scars) AS scars FROM scar_states');
  if (row === undefined || row.scars < MAX_SCARS) return;
  throw new ToolError(
    'quota_exceeded',
    'The failure memory is full (10,000 scars). Delete some with scar_delete, then retry.',
    { limit: MAX_SCARS },
  );
}
