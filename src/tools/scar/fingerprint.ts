import { createHash } from 'node:crypto';
import { canonicalJson } from '../../json/canonical.ts';
import { normalise } from './normalise.ts';
import { redacted } from './texts.ts';

/** Stored with each fingerprint: a later version never regroups what an earlier one grouped. */
export const FINGERPRINT_VERSION = 1;
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
 * Fingerprint v1: `v1:` and the first 32 hex digits of the SHA-256 of the RFC 8785 JSON list
 * `[project, tool, error_type, error_code, subject]`, null where absent, with credentials redacted in every part.
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
