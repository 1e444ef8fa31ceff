import { redactJwts, redactPrivateKeys } from './secret-blocks.ts';
import { unescaped } from './secret-escapes.ts';
import { isRandom, isSecretValue } from './secret-names.ts';
import { TOKEN_SHAPES } from './secret-tokens.ts';
import { redactNamedValues } from './secret-values.ts';

/**
 * Finds credentials in any text and replaces each by `[redacted:<shape>]`, before the text is logged, stored or indexed.
 *
 * Guarantees: time grows linearly with the length of the text, whatever it holds (each pattern's part before its first
 * unbounded class is bounded, and nothing has to follow that class); a credential is replaced whole, however long; what is
 * redacted stays as it is when redacted again.
 * It can fail both ways. A credential without a known prefix, name or place, such as a bare random word, passes; and a
 * harmless value behind a name such as `secret` is replaced. `test/vectors/credentials.json` and `look-alikes.json` measure
 * both: recall 0.95, precision 0.98 at least.
 * Fingerprints of failures depend on what is replaced: see `tools/scar/fingerprint.ts` before changing a shape.
 */

/** Counts one credential of a shape and returns the mark that replaces it. */
export type Mark = (shape: string) => string;

interface Place {
  readonly name: string;
  /** The first group is kept; the rest of the match is the credential. */
  readonly pattern: RegExp;
  readonly accepts?: (credential: string) => boolean;
}

/** Credentials that are recognised by the text before them in URLs and headers. */
const PLACES: readonly Place[] = [
  {
    // Excludes ports and image digests. A password may contain `@`, and `/` if the URL has no other reading.
    name: 'url_password',
    pattern:
      /(:\/\/(?!\[redacted)[^\s:/@"'<>]{0,256}:)(?!\[redacted|\d{1,5}(?:[/?#"'\s]|$))(?:[^\s/?#"'<>]{1,256}(?=@(?!sha\d))|[^\s"'<>@]{1,256}(?=@(?!sha\d)))/g,
  },
  { name: 'url_token', pattern: /(:\/\/)(?!\[redacted)[A-Za-z0-9_.~%-]{16,256}(?=@)/g },
  {
    name: 'url_signature',
    pattern:
      /([?&;](?:x-amz-|x-goog-)?(?:sig|signature|credential|security-token)=)(?!\[redacted)[^\s&"'<>]{8,}/gi,
  },
  {
    name: 'url_token',
    pattern: /([?&#;](?:key|code|auth|hash_key|pass|access|ticket)=)(?!\[redacted)[^\s&"'<>]{8,}/gi,
    accepts: (value) => isRandom(value, 20),
  },
  {
    name: 'webhook',
    pattern:
      /((?:hooks\.slack\.com\/(?:services|workflows|triggers)|discord(?:app)?\.com\/api\/webhooks|\.webhook\.office\.com\/webhookb2|hooks\.zapier\.com\/hooks\/catch|maker\.ifttt\.com\/trigger\/[\w-]{1,64}\/(?:json\/)?with\/key|open\.feishu\.cn\/open-apis\/bot\/v2\/hook)\/|api\.telegram\.org\/(?:file\/)?bot)(?!\[redacted)[\w@:./-]{8,}/gi,
  },
  {
    name: 'authorization',
    pattern:
      /((?<![a-z0-9])authorization\\?["']?\s{0,4}(?:=>|[:=,])\s{0,4}\\?["']?(?:Bearer|Basic)\s{1,4})(?!\[redacted)[^\s"'\\,;<>]{8,}/gi,
    accepts: isPassword,
  },
  {
    name: 'authorization',
    pattern:
      /\b((?:Bearer|Basic)\s{1,8})(?!(?:authentication|authorization|credentials|information)(?![\w.~+/=-]))[A-Za-z0-9._~+/=-]{8,}/gi,
    accepts: isCredentialOfHeader,
  },
  {
    name: 'authorization',
    pattern:
      /((?<![a-z0-9])authorization\\?["']?\s{0,4}(?:=>|[:=,])\s{0,4}\\?["']?(?:digest|aws4-hmac-sha256|oauth|hawk|signature|mac)\s{1,4})(?!\[redacted)[^\r\n]{8,}/gi,
  },
  {
    name: 'authorization',
    pattern:
      /((?<![a-z0-9])(?:proxy-)?authorization\\?["']?\s{0,4}(?:=>|[:=,])\s{0,4}\\?["']?(?:[a-z][\w-]{1,30}[ \t]{1,4}(?:token=\\?["']?)?)?)(?!\[redacted|[$<{]|[\w-]{1,31}[ \t]{1,4}\[redacted)[^\s"'\\,;<>]{8,}/gi,
    accepts: isCredentialOfHeader,
  },
  { name: 'authorization', pattern: /\b((?:Negotiate|NTLM)\s{1,4})(?!\[redacted)[A-Za-z0-9+/=]{24,}/g },
  {
    // The private members of a JSON Web Key (RFC 7518).
    name: 'private_key',
    pattern: /((?<![\w])(?:d|p|q|dp|dq|qi|k)\\?["']\s{0,4}:\s{0,4}\\?["'])(?!\[redacted)[A-Za-z0-9_-]{40,}/g,
    accepts: isBase64Url,
  },
  {
    name: 'cookie',
    pattern:
      /((?<![a-z0-9])(?:set-)?cookie\\?["']?\s{0,4}[:=]\s{0,4}\\?["']?)(?!\[redacted)(?=[^\s=;"']{1,128}=)[^\r\n"'\\]{3,}/gi,
  },
];

/** Credentials that are recognised by the text before them in command lines and SQL. */
const COMMANDS: readonly Place[] = [
  {
    name: 'flag',
    pattern:
      /((?<![a-z0-9-])--?[a-z0-9-]{0,40}?(?:password|passphrase|passwd|pass|token|secret|credentials?|(?:api|access|auth|account|admin|private|secret|license|master)-?key)[ \t]{1,4})(?!-|["']?(?:\[redacted|\$|<)|(?:flag|option|argument|parameter|value|is|was|must|and|or|to|for|from|not)s?\b|[|>&\\])(?:"[^"\r\n]+"?|'[^'\r\n]+'?|[^\s"']{4,})/gi,
  },
  {
    name: 'flag',
    pattern:
      /((?<![\w-])(?:mysql|mysqldump|mysqladmin|mariadb|mongo|mongosh|redis-cli|docker login|7z|zip|unzip|sqlcmd|ldapsearch|cqlsh|clickhouse-client|ftp|snmpget|net use)\b[^\r\n"']{0,80}? -(?:p|P|a|w)[ ]?)(?!\[redacted|\d{1,5}(?!\S)|\$|-)(?:"[^"\r\n]+"?|'[^'\r\n]+'?|[^\s"']{4,})/g,
    accepts: (value) => /[^a-z]/.test(value.replace(/^["']/, '')),
  },
  {
    name: 'user_password',
    pattern:
      /((?<![\w-])(?:-u|--user|--proxy-user)[ =]{1,4}["']?[^\s:"'<]{0,128}["']?:["']?)(?!\[redacted|\d{1,6}(?!\S)|[$<[(*]|\{\{)[^\s"']{1,}/g,
    accepts: isPassword,
  },
  {
    name: 'flag',
    pattern:
      /(\b(?:ConvertTo-SecureString|-AsPlainText)[ \t]{1,4}(?:-String[ \t]{1,4})?["'])(?!\[redacted|\$)[^"'\r\n]{4,}/gi,
  },
  {
    name: 'user_password',
    pattern:
      /((?<![\w-])-U[ \t]{1,4}["']?[\w\\/.-]{1,64}%|\bjdbc:oracle:[a-z]{1,8}:[\w.-]{1,64}\/)(?!\[redacted|\$)[^\s"'@]{4,}/g,
  },
  { name: 'flag', pattern: /(\bsshpass -p ?["']?)(?!\[redacted|\$)[^\s"']{4,}/g },
  {
    name: 'user_password',
    pattern: /(\blogin[ \t]{1,4}\S{1,128}\s{1,8}password[ \t]{1,4})(?!\[redacted)\S{4,}/g,
  },
  {
    name: 'assignment',
    pattern: /(\b(?:identified by|password|with password)\s{1,4}')(?!\[redacted)[^'\r\n]{4,}(?=')/gi,
  },
];

/** False for placeholders and words of prose. */
function isPassword(value: string): boolean {
  return isSecretValue(value, { kind: 'password', quoted: true, tight: true });
}

/** False for names and hashes, which have letters of one case. */
function isBase64Url(value: string): boolean {
  return /[a-z]/.test(value) && /[A-Z]/.test(value) && /\d/.test(value);
}

/** False for words of prose, as in `Bearer authentication` and `Authorization: required`. */
function isCredentialOfHeader(value: string): boolean {
  if (/^(?:[xX*.]+|\.{3,})$/.test(value)) return false;
  return /\d/.test(value) || value.length >= 24 || (/[a-z]/.test(value) && /[A-Z]/.test(value.slice(1)));
}

/**
 * Replaces every recognised credential by `[redacted:<shape>]`. A text that hides one in the escapes of a URL, JSON or HTML is
 * returned without them.
 * @returns the text, and the number of credentials replaced
 * @example redactSecrets('password=hunter2') // { text: 'password=[redacted:assignment]', count: 1 }
 */
export function redactSecrets(text: string): Redacted {
  // Names and small values, of which a call can have thousands.
  if (SHORT_WORD.test(text)) return { text, count: 0 };
  const asWritten = redactPlain(text);
  const plain = unescaped(asWritten.text);
  if (plain === asWritten.text) return asWritten;
  const again = redactPlain(plain);
  return again.count === 0 ? asWritten : { text: again.text, count: asWritten.count + again.count };
}

/** No credential is so short where nothing stands before it. */
const SHORT_WORD = /^[\w.]{0,15}$/;

interface Redacted {
  readonly text: string;
  readonly count: number;
}

function redactPlain(text: string): Redacted {
  let count = 0;
  const mark = (shape: string) => {
    count++;
    return `[redacted:${shape}]`;
  };
  let redacted = redactJwts(redactPrivateKeys(text, mark), mark);
  for (const place of PLACES) redacted = redactPlace(redacted, place, mark);
  for (const { name, pattern, accepts } of TOKEN_SHAPES) {
    redacted = redacted.replace(pattern, (token) => (accepts?.(token) === false ? token : mark(name)));
  }
  for (const place of COMMANDS) redacted = redactPlace(redacted, place, mark);
  return { text: redactNamedValues(redacted, mark), count };
}

const redactPlace = (text: string, { name, pattern, accepts }: Place, mark: Mark) =>
  text.replace(pattern, (whole: string, before: string) =>
    accepts?.(whole.slice(before.length)) === false ? whole : before + mark(name),
  );
