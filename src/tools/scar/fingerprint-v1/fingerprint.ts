import { createHash } from 'node:crypto';
import { canonicalJson } from '../../../json/canonical.ts';
import type { FailureParts } from '../fingerprint.ts';
import { normaliseV1 } from './normalise.ts';
import { redactSecretsV1 } from './secrets.ts';

/**
 * FROZEN: fingerprint version 1. Scars recorded before version 2 are stored under it, so what these functions return never
 * changes; `test/vectors/fingerprint-v1.json` holds published values.
 */

const HEX_CHARS = 32;

const redacted = (text: string | undefined) => (text === undefined ? null : redactSecretsV1(text));

/** The text that version 1 fingerprints: the message of the failure or, when there is none, its context. */
export function subjectOfV1(parts: Pick<FailureParts, 'error_message' | 'context'>): string {
  const message = parts.error_message ?? '';
  return normaliseV1(message.trim() === '' ? (parts.context ?? '') : message);
}

/**
 * `v1:` and the first 32 hex digits of the SHA-256 of the RFC 8785 JSON list
 * `[project, tool, error_type, error_code, subject]`, null where absent, with credentials redacted in every part.
 */
export function fingerprintOfV1(parts: FailureParts): string {
  const identity = canonicalJson([
    redacted(parts.project),
    redacted(parts.tool),
    redacted(parts.error_type),
    redacted(parts.error_code),
    subjectOfV1(parts),
  ]);
  return `v1:${createHash('sha256').update(identity).digest('hex').slice(0, HEX_CHARS)}`;
}
