/**
 * Decides by name and value whether a value is a credential.
 *
 * Passwords can be any word, so almost every value after such a name is redacted. Names such as `token` and `key` are common
 * in prose, code and counts, so their values must not look like a word, a reference, a number or a path.
 */

/**
 * How certain a name is. `password`: any value. `credential`: any value except a word of prose. `random`: only random text,
 * because other values have such names too.
 */
export type NameKind = 'password' | 'credential' | 'random';

const PASSWORD =
  /(?:passw(?:or)?d|passwrd|passphrase|passcode|pwd|psw|(?:^|[_.-]|db|user|smtp|ftp|mysql|admin|root|proxy|redis)pass|mot_de_passe|contrasena|kennwort|passwort)s?(?:\d{1,3}|[_-]?(?:value|text|plain|b64|base64))?$/i;
const CAMEL_PASSWORD = /[a-z]Pass(?:word)?\d{0,3}$/;
const KINDS_OF_KEY =
  'api access account private secret signing signature encryption auth master license licence subscription consumer deploy ' +
  'service webhook client shared storage app application admin rsa dsa ssh root seed token connection';
const CREDENTIAL = new RegExp(
  `(?:secret|token|credential|bearer|(?:${KINDS_OF_KEY.replaceAll(' ', '|')})[_.-]?key|secret[_-]key[_-]base|key[_-]?data|(?:key|seed)[_-]?phrase|` +
    'mnemonic|sas|jwt|x-auth|code[_-]verifier|otlp[_-]header|(?:access|recovery|backup)[_-]?code)s?(?:\\d{1,3}|[_-]?(?:value|text|plain|b64|base64|string))?$',
  'i',
);
/** Common names whose values are credentials only when they are random. */
const RANDOM =
  /(?:(?:^|[_.:-])auth|session[_-]?(?:id)?|sess(?:id)?|(?:^|[_.-])sid|connect\.sid|csrf(?:[_-]?token)?|xsrf-token|remember_me|(?:^|[_.-])(?:sig|signature|hmac_key|otp|totp|pin)|_key|_pat|creds?|dsn|cookie|apikey|key_material|nonce_key|license|licence)$/i;
const COOKIE = /^__(?:host|secure)-[\w.-]{1,64}$/i;
/** What a key or a token of such a name is for: to find or to count something. */
const OTHER_PURPOSES =
  'cache primary foreign partition sort idempotency idempotent public pub object routing shard group host registry index row ' +
  'unique natural composite hash range dedup dedupe i18n map dict json translation next page continuation pagination cursor ' +
  'sync eos bos pad unk stop mask special start end prompt completion max min total input output cancel cancellation';
const NOT_SECRET = new RegExp(
  `jsonwebtoken$|(?:^|[_.-])(?:${OTHER_PURPOSES.replaceAll(' ', '|')})[_.-]?(?:key|token)s?$`,
  'i',
);

/** The kind of a name; undefined if it does not name a credential. */
export function kindOf(name: string): NameKind | undefined {
  if (name.length < 3) return undefined;
  if (PASSWORD.test(name) || CAMEL_PASSWORD.test(name)) return 'password';
  if (NOT_SECRET.test(name)) return undefined;
  if (CREDENTIAL.test(name)) return 'credential';
  return RANDOM.test(name) || COOKIE.test(name) ? 'random' : undefined;
}

const MIN_CHARS = 4;
const MIN_RANDOM_CHARS = 16;
/** Only the beginning of a value is examined. */
const MAX_JUDGED_CHARS = 512;

/** Values that refer to a credential: a variable, a placeholder, a configuration key, a mark. */
const REFERENCE = new RegExp(
  [
    // Placeholders and marks.
    /(?:your|insert|enter|replace|put)[_-]|<|\{\{|\{[\w.]{1,64}\}|\*{3,}|\.{3}|…|[xX*•.]{4,}$|\[(?:redacted|[A-Z_ -]{1,32}(?:\]|$))/,
    // Variables of shells, templates and languages.
    /\$(?:[{(]|\w{1,64}$)|%\w{1,64}%$|#\{|@[a-z_]{1,64}$|!(?:ref|sub|getatt|vault|secret|env)\b/,
    // Where programs and deployments keep credentials.
    /process\.env|os\.(?:environ|getenv)|env[.(:[]|getenv|import\.meta|secrets?[.:/]|vault:|enc\[|ref\+|arn:|op:\/\/|file:|https?:\/\//,
    /(?:self|this|args|opts?|options|params|config|settings|request|req|ctx|context|data|var|local|module|each)\.|null(?:ptr)?\b/,
  ]
    .map(({ source }) => `^(?:${source})`)
    .join('|'),
  'i',
);
const CALL = /^(?:new |await |async )?[A-Za-z_$][\w$.:]{0,128}(?:<[\w, ]{0,64}>)?\(/;
/** Words that follow such a name in prose and code. A value that begins with one is no credential. */
const WORDS = [
  'include same-origin omit null none nil undefined true false yes no on off string str text char int',
  'integer number float bool boolean any object byte bytes buffer optional required missing invalid',
  'incorrect wrong expired empty blank unset unknown change changed changeme default hidden masked',
  'omitted removed filtered sanitized redacted secret token pass password passwd test yyy example',
  'placeholder dummy not was is are must should cannot failed failure error denied rejected mismatch',
  'mismatched authentication authorization unauthorized revoked disabled enabled prompt env environment',
  'stdin keychain keyring field column varchar secretstr pydantic public private bearer basic access',
  'refresh the a an your my for from with too does contain contains length policy reset resetting has',
  'have been will can could may need needs unexpected eof identifier punctuator keyword operator ok',
  'valid match matches matched verified accepted absent present provided supplied given set unchanged',
  'hashed encrypted protected restricted readonly nullable',
].flatMap((line) => line.split(' '));
const WORD_OF_PROSE = new RegExp(`^["']?(?:${WORDS.join('|')})(?![\\w@$!%^&*+=/-]|\\.\\w)`, 'i');
const NUMBER = /^[+-]?\d{1,12}(?:[.,]\d+)*[kKmM%]?$/;
const PATH =
  /^(?:~|\.{1,2})?(?:\/[\w.@ -]{1,64}){2,16}$|^(?:~|\.{1,2})\/[\w.-]{1,64}$|^[A-Za-z]:\\|^[\w-]{1,64}\.(?:pem|key|json|txt|ya?ml|env|crt|p12|pfx|ts|js|py|go|rs|md)$/;
const PURE_WORD = /^[A-Za-z]+[.!?:]?$/;
const NAME = /^[A-Za-z]+(?:[_-][A-Za-z]+)*$/;
const IDENTIFIERS = /^[A-Za-z_$][A-Za-z_$]*(?:[.:]{1,2}[A-Za-z_$][A-Za-z_$]*)+[;,]?$/;

interface Circumstances {
  readonly kind: NameKind;
  readonly quoted: boolean;
  /** `name=value`, without spaces. */
  readonly tight: boolean;
  /** `name: value`, as prose has it. */
  readonly prose?: boolean;
  /** In a list, where the next item may be another name. */
  readonly listed?: boolean;
}

/** Whether a value after a name of the given kind is a credential. */
export function isSecretValue(value: string, { kind, quoted, tight, prose, listed }: Circumstances): boolean {
  if (value.length < MIN_CHARS) return false;
  value = value.slice(0, MAX_JUDGED_CHARS);
  if (REFERENCE.test(value) || WORD_OF_PROSE.test(value)) return false;
  if (!quoted && (CALL.test(value) || (!tight && IDENTIFIERS.test(value)))) return false;
  if (listed === true && NAME.test(value)) return false;
  if (kind === 'password') return true;
  if (kind === 'random') return isRandom(value);
  if (NUMBER.test(value) || PATH.test(value)) return false;
  return tight || (quoted && prose !== true) || !PURE_WORD.test(value);
}

const SEPARATOR = /[-_.:/+=%|~]/;
const MIN_RANDOM_PART_CHARS = 8;

/** Whether a word looks random: one of its parts mixes digits and letters, or is long and mixes cases. */
export function isRandom(value: string, minChars = MIN_RANDOM_CHARS): boolean {
  if (value.length < minChars || /[\s<>{}]/.test(value)) return false;
  const parts = value.slice(0, MAX_JUDGED_CHARS).split(SEPARATOR);
  return parts.some(
    (part) =>
      part.length >= MIN_RANDOM_PART_CHARS &&
      /[A-Za-z]/.test(part) &&
      (/\d/.test(part) || (part.length >= MIN_RANDOM_CHARS && /[a-z]/.test(part) && /[A-Z]/.test(part))),
  );
}
