import type { Mark } from './secrets.ts';

/** Redacts private keys and JSON Web Tokens, which have several parts. Code finds their ends, so that time is linear. */

const KEY_BEGIN = /-{4,5} ?BEGIN [A-Z0-9 ]{0,48}PRIVATE KEY(?: BLOCK)? ?-{4,5}|Private-Lines: ?\d{1,4}/g;
const KEY_END = /-{4,5} ?END [A-Z0-9 ]{0,48}PRIVATE KEY(?: BLOCK)? ?-{4,5}|Private-MAC: ?[0-9a-f]{1,128}/g;
/** Longer than any key in use. An end farther away does not belong to this beginning. */
const MAX_KEY_CHARS = 65_536;
/** Lines of a key whose end was cut off: base64, header lines, and the marks of a quoted or escaped line break. */
const KEY_LINES =
  /(?:(?:[\s"',>|]|\\[nrt])*(?:[A-Za-z0-9+/=]{16,}|(?:Proc-Type|DEK-Info|Comment|Version|Subject|Hash|Charset|Message-?ID)\b:?[^\r\n\\]*))*/y;
const LAST_KEY_LINE = /(?:\s|\\[nrt])*[A-Za-z0-9+/=]{1,15}(?=\W{0,8}$)/y;

/** Replaces private keys in PEM, OpenPGP, SSH2 and PuTTY form, also when the end or most of the key is missing. */
export function redactPrivateKeys(text: string, mark: Mark): string {
  let redacted = '';
  let copied = 0;
  let end: Span | undefined = { from: -1, to: -1 };
  for (const { 0: begin, index } of text.matchAll(KEY_BEGIN)) {
    if (index < copied) continue;
    const body = index + begin.length;
    // Find each end once for all beginnings before it, so that beginnings without an end are not searched repeatedly.
    if (end !== undefined && end.from < body) end = find(KEY_END, text, body);
    const to =
      end !== undefined && end.from - body <= MAX_KEY_CHARS && !hasBegin(text, body, end.from)
        ? end.to
        : endOfKeyLines(text, body);
    if (to === body) continue;
    redacted += text.slice(copied, index) + mark('private_key');
    copied = to;
  }
  return redacted + text.slice(copied);
}

interface Span {
  readonly from: number;
  readonly to: number;
}

function find(pattern: RegExp, text: string, from: number): Span | undefined {
  pattern.lastIndex = from;
  const found = pattern.exec(text);
  return found === null ? undefined : { from: found.index, to: pattern.lastIndex };
}

/** Whether another key begins before the end that was found. The end then belongs to that key. */
function hasBegin(text: string, from: number, to: number): boolean {
  return text.slice(from, to).includes('BEGIN ');
}

function endOfKeyLines(text: string, from: number): number {
  const lines = find(KEY_LINES, text, from)?.to ?? from;
  return find(LAST_KEY_LINE, text, lines)?.to ?? lines;
}

/** A maximal run of base64url segments joined by dots. A match cannot fail after its first character, so time is linear. */
const DOTTED_RUN = /[A-Za-z0-9_-]+(?:\.{1,2}[A-Za-z0-9_-]+)*/g;
/** `eyJ` is `{"` in base64, with which the header of every token begins. */
const HEADER = /\beyJ[A-Za-z0-9_-]{8,}/;
/** `{"alg`, `{"typ`, `{"kid`, `{"enc`, `{"cty`, `{"zip` in base64: certainly the header of a token. */
const SURE_HEADER = /^eyJ(?:hbGci|0eXAi|raWQi|lbmMi|jdHki|6aXAi)/;
/** A single segment of this length counts as a token that was cut before its first dot. */
const MIN_LONE_CHARS = 512;
const MIN_PART_CHARS = 4;
/** A signed token (RFC 7515) has three parts, an encrypted one (RFC 7516) five. */
const MAX_PARTS = 5;

/** Replaces JSON Web Tokens, signed or encrypted, whole or cut short. */
export function redactJwts(text: string, mark: Mark): string {
  if (!text.includes('eyJ')) return text;
  return text.replace(DOTTED_RUN, (run) => (run.includes('eyJ') ? redactJwtsInRun(run, mark) : run));
}

function redactJwtsInRun(run: string, mark: Mark): string {
  const parts = run.split('.');
  const shown: string[] = [];
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i] ?? '';
    const start = part.search(HEADER);
    const header = start === -1 ? '' : part.slice(start);
    const next = parts[i + 1] || parts[i + 2] || '';
    if (header !== '' && (next.length >= MIN_PART_CHARS || isLoneHeader(header))) {
      shown.push(part.slice(0, start) + mark('jwt'));
      i += MAX_PARTS - 1;
    } else shown.push(part);
  }
  return shown.join('.');
}

const isLoneHeader = (header: string) => header.length >= MIN_LONE_CHARS || SURE_HEADER.test(header);
