import { createHash } from 'node:crypto';
import { canonicalJson } from '../../json/canonical.ts';
import type { Sql } from '../tool.ts';
import { fingerprintOfV1 } from './fingerprint-v1/fingerprint.ts';
import { normalise } from './normalise.ts';
import { type Scar, scarByFingerprint } from './store.ts';
import { redacted } from './texts.ts';

/**
 * The fingerprint of a failure: two reports with the same one are the same failure.
 *
 * Guarantees: it depends on the parts below and on nothing else, it holds no text of the caller's, and a scar that was
 * stored under an earlier version is still found, because a version never changes once it is released. A search tries the
 * newest version first, then each earlier one; new scars are stored under the newest. No stored fingerprint is rewritten,
 * so a new version never regroups what an earlier one told apart.
 * It can fail both ways: `normalise` may remove what tells two failures apart, or leave what differs by chance.
 *
 * To change redaction or normalisation after a release, freeze the current code as `fingerprint-v1/` does, add it to
 * `VERSIONS` and raise `FINGERPRINT_VERSION`. Version 2 is unreleased: a change may still join it, and
 * `node test/support/write-fingerprint-vectors.ts` brings its vectors up to date.
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
export function subjectOf(parts: Pick<FailureParts, 'error_message' | 'context'>): string {
  const message = parts.error_message ?? '';
  return normalise(message.trim() === '' ? (parts.context ?? '') : message);
}

/**
 * The current version: `v2:` and the first 32 hex digits of the SHA-256 of the RFC 8785 JSON list
 * `[project, tool, error_type, error_code, subject]`, null where absent, with credentials redacted in every part.
 * @example fingerprintOf({ error_type: 'TimeoutError', error_message: 'timed out' }) // 'v2:…'
 */
export function fingerprintOf(parts: FailureParts): string {
  const identity = canonicalJson([
    redacted(parts.project),
    redacted(parts.tool),
    redacted(parts.error_type),
    redacted(parts.error_code),
    subjectOf(parts),
  ]);
  const digest = createHash('sha256').update(identity).digest('hex');
  return `v${FINGERPRINT_VERSION}:${digest.slice(0, HEX_CHARS)}`;
}

/** Every version that stored fingerprints may have, the newest first. */
const VERSIONS = [fingerprintOf, fingerprintOfV1] as const;

/** The scar of exactly this failure, under whichever version it was stored, and that fingerprint. */
export function findExact(sql: Sql, parts: FailureParts): { scar: Scar; fingerprint: string } | undefined {
  for (const version of VERSIONS) {
    const fingerprint = version(parts);
    const scar = scarByFingerprint(sql, fingerprint);
    if (scar !== undefined) return { scar, fingerprint };
  }
  return undefined;
}
