import { createHash } from 'node:crypto';
import { canonicalJson } from '../../json/canonical.ts';
import type { Sql } from '../tool.ts';
import { decisiveWords, decisiveWordsOf } from './decisive-words.ts';
import { fingerprintOfV1 } from './fingerprint-v1/fingerprint.ts';
import { foldCode, foldErrorType, foldTool } from './names.ts';
import { cleaned, normalise, normaliseCleaned } from './normalise.ts';
import { hasFingerprints, type Scar, scarByFingerprint } from './store.ts';
import { redacted } from './texts.ts';

/**
 * The fingerprint of a failure: two reports with the same one are the same failure.
 *
 * Guarantees: it depends only on the parts below; it contains no text of the caller; a released version never changes, and
 * stored fingerprints are never rewritten, so scars recorded under an earlier version are still found. A search tries the
 * newest version first, then earlier ones; new scars are stored under the newest.
 * It can fail both ways: `normalise` may remove a part that distinguishes two failures, or keep one that differs by chance.
 * Two failures with different fingerprints under an earlier version can be equal under the newest: once one of them is
 * recorded as new, both lead to that scar.
 *
 * To change redaction or normalisation after a release, freeze the current code as `fingerprint-v1/` does, add it to
 * `earlierFingerprints` and raise `FINGERPRINT_VERSION`. Version 2 is unreleased: further changes may still be part of it, and
 * `node test/support/write-fingerprint-vectors.ts` updates its vectors.
 */
export const FINGERPRINT_VERSION = 2;

const HEX_CHARS = 32;

/** What identifies a kind of failure. The agent is not part of it: one agent's lesson is every agent's. */
export interface FailureParts {
  readonly project?: string | undefined;
  readonly tool?: string | undefined;
  readonly error_type: string;
  readonly error_code?: string | undefined;
  readonly error_message?: string | undefined;
  readonly context?: string | undefined;
}

/** The text that is fingerprinted: the message of the failure or, when there is none, its context. */
function textOf({
  error_message = '',
  context = '',
}: Pick<FailureParts, 'error_message' | 'context'>): string {
  return error_message.trim() === '' ? context : error_message;
}

/** That text, normalised. */
export const subjectOf = (parts: Pick<FailureParts, 'error_message' | 'context'>): string =>
  normalise(textOf(parts));

/** That text, normalised, and its decisive words. */
function identified(parts: FailureParts): { subject: string; names: string[] } {
  const bare = cleaned(textOf(parts));
  const subject = normaliseCleaned(bare);
  return { subject, names: decisiveWordsOf(bare, subject) };
}

const folded = (name: string | undefined, fold: (name: string) => string) =>
  name === undefined ? null : fold(redacted(name));

function hashed(parts: FailureParts, subject: string, names: readonly string[]): string {
  const identity = [
    redacted(parts.project),
    folded(parts.tool, foldTool),
    foldErrorType(redacted(parts.error_type)),
    folded(parts.error_code, foldCode),
    subject,
  ];
  const digest = createHash('sha256')
    .update(canonicalJson(names.length === 0 ? identity : [...identity, names]))
    .digest('hex');
  return `v${FINGERPRINT_VERSION}:${digest.slice(0, HEX_CHARS)}`;
}

/**
 * The current version: `v2:` and the first 32 hex digits of the SHA-256 of the RFC 8785 JSON list
 * `[project, tool, error_type, error_code, subject, names]`, null where absent, with credentials redacted in every part, and
 * the names of tool, type and code folded (see `names.ts`). `names` are the decisive words of the text (see
 * `decisive-words.ts`); without any, the list ends with the subject.
 * @example fingerprintOf({ error_type: 'TimeoutError', error_message: 'timed out' }) // 'v2:…'
 */
export function fingerprintOf(parts: FailureParts): string {
  const { subject, names } = identified(parts);
  return hashed(parts, subject, names);
}

/**
 * The scar of exactly this failure, under whichever version it was stored, and that fingerprint; without such a scar, the
 * fingerprint under which the failure would be stored.
 */
export function findExact(sql: Sql, parts: FailureParts): { scar: Scar | undefined; fingerprint: string } {
  const { subject, names } = identified(parts);
  const fingerprint = hashed(parts, subject, names);
  const scar = scarByFingerprint(sql, fingerprint);
  if (scar !== undefined) return { scar, fingerprint };
  for (const earlier of earlierFingerprints(sql, parts, subject, names)) {
    const found = scarByFingerprint(sql, earlier);
    if (found !== undefined && !nameOtherThings(names, decisiveWords(found.beginning ?? '')))
      return { scar: found, fingerprint: earlier };
  }
  return { scar: undefined, fingerprint };
}

/**
 * What stored fingerprints may be besides, the newest first: version 2 was without the decisive words at first. They make one
 * failure of some that differ in a decisive word.
 */
function* earlierFingerprints(sql: Sql, parts: FailureParts, subject: string, names: readonly string[]) {
  if (names.length > 0) yield hashed(parts, subject, []);
  if (hasFingerprints(sql, 1)) yield fingerprintOfV1(parts);
}

/** Whether each list has a word that the other lacks. */
const nameOtherThings = (ours: readonly string[], theirs: readonly string[]) =>
  ours.some((name) => !theirs.includes(name)) && theirs.some((name) => !ours.includes(name));
