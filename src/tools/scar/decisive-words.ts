import { cleaned, normaliseCleaned } from './normalise.ts';
import { QUOTED } from './quotes.ts';

/**
 * The words of a failure that tell it from another of the same template, although they stand where values stand: quoted
 * names, the file that is missing, small codes, the arity of a function. `normalise` puts marks in their place.
 *
 * Which values decide and which differ by chance is told by kinds. By chance differ: what has the digits of an id, what stands
 * behind the name of a thing that people create (a user, a queue, a host), what was compared (`got 'x'`), places in files,
 * files of data. A name that is none of these decides, because messages are made from templates.
 *
 * Bounded: at most 24 words, of texts that are read once.
 */

const MAX_WORDS = 24;
const MAX_NAME_CHARS = 64;
const MAX_NEAR_CHARS = 32;

/** Things that people create and name, and words before what was compared. */
const VALUE_BEFORE =
  /(?<![\p{L}\p{N}])(?:account|actual|address|agent|app|backup|branch|bucket|build|but|channel|client|cluster|commit|configmap|container|current|customer|dag|database|dataset|db|deployment(?:\.apps)?|device|director(?:y|ies)|disk|document|domain|email|entry|environment|equal|experiment|file|folder|got|group|host|hostname|id|image|instance|invoice|is|item|job|label|login|machine|message|model|mount|namespace|node|order|organi[sz]ation|owner|path|peer|person|persistentvolumeclaim|pid|pod|previous|process|profile|project|queue|received|record|ref|region|release|repo|repository|revision|role|row|run|secret|server|service|session|snapshot|stack|stream|string|subscription|tag|target|team|tenant|than|thread|ticket|title|to be|token|topic|uid|url|user|username|value|version|vm|volume|warehouse|was|with|worker|workspace|zone)s?(?:[ _-]?name)? ?[:=]? ?\(?$/iu;

/** Members of JSON whose value names a part of the request that was refused. */
const NAMING_MEMBERS = new Set([
  'action',
  'argument',
  'attribute',
  'column',
  'constraint',
  'field',
  'kind',
  'loc',
  'operation',
  'param',
  'parameter',
  'permission',
  'pointer',
  'property',
  'resource',
  'rule',
]);

/** Digits that belong to a name: `sha256`, `utf-8`, `libx265`, `ipv6`. */
const NAME_WITH_DIGITS =
  /(?:adler|base|eip|erc|float|int|ipv|iso|oauth|pep|python|rfc|rsa|sha|utf)[-_]?\d{1,4}(?!\d)|(?<=\p{L}{3})\dd(?!\p{L})|(?<!\p{L}|\p{L}lib)(?:lib)?(?:aes|arm|bf|crc|ec|es|fp|h|http|i|log|md|mp|s|u|win|x)\d{1,4}(?!\d)/giu;
const LITERAL = /^(?:true|false|null|none|nil|undefined|nan|yes|no|on|off)$/i;
/** A name, possibly of several parts. */
const NAME = /^[\p{L}_$@:#*-][\p{L}\p{N}_$@.:#*!?()-]{0,63}$/u;
const ID_DIGITS = /\d{3}|[-_.:]\d|\d$/;
/** Unlike `schema.Table`. */
const FILE =
  /\.(?:bat|c|cc|cfg|class|cls|conf|cpp|cs|css|dll|dylib|env|exe|go|gradle|h|hpp|html?|ini|ipynb|jar|java|jsx?|json|kts?|lock|lua|md|m?js|mts|php|pl|pm|properties|proto|ps1|pyi?|r|rb|rs|s?css|sh|so|sql|sty|svelte|swift|tex|tf|toml|tsx?|vue|xml|ya?ml)$/i;

function isDecisive(name: string, before: string): boolean {
  if (name.length > MAX_NAME_CHARS || !NAME.test(name) || LITERAL.test(name)) return false;
  const member = MEMBER_OF_LIST.test(name) ? name.replace(LIST_INDEX, '') : name;
  if (!/\p{L}{2}/u.test(name) || ID_DIGITS.test(member.replace(NAME_WITH_DIGITS, ''))) return false;
  return !FILE.test(name) && !DATA_FILE.test(name) && !VALUE_BEFORE.test(before);
}

/** `encoder.layers.0.weight` has an index in it, `web.3` ends in an id. */
const MEMBER_OF_LIST = /^\p{L}[\p{L}_.]*\.\d{1,3}\.\p{L}/u;
const LIST_INDEX = /\.\d{1,3}(?=\.)/g;

const withoutBlanksEnd = (text: string, at: number) => text.slice(Math.max(0, at - MAX_NEAR_CHARS), at);

function* quotedNames(text: string): Generator<string> {
  let member = '';
  for (const match of text.matchAll(QUOTED)) {
    const name = match.slice(1).find((group) => group !== undefined) ?? '';
    const before = withoutBlanksEnd(text, match.index);
    const behind = text.slice(match.index + match[0].length, match.index + match[0].length + MAX_NEAR_CHARS);
    if (/[{,]\s*$/.test(before) && /^\s*:/.test(behind)) member = name;
    else if (/:\s*$/.test(before) && member !== '') {
      if (NAMING_MEMBERS.has(member.toLowerCase()) && isDecisive(name, '')) yield name;
      member = '';
    } else if (isDecisive(name, before) || isRoute(name, before)) yield name;
  }
}

/** `//app:lib` of a build, or the path of a request that nothing serves. */
const isRoute = (name: string, before: string) =>
  name.length <= MAX_NAME_CHARS &&
  (/^\/\/[a-z][\w./-]*:[\w.-]+$/i.test(name) ||
    (/^\/[a-z][a-z/_-]*$/i.test(name) &&
      /(?:route|match(?:es)?|get|post|put|patch|delete|head)\]? ?$/i.test(before)));

/** Names in code that are long and have a digit, which look like tokens: `Conv2DBackpropInput`. */
const LONG_NAME = /(?<![\p{L}\p{N}_-])[A-Za-z][A-Za-z0-9_-]{15,127}(?![\p{L}\p{N}_-])/gu;

/** `kube-api-access-8xk2p`, `worker-pool-set-12` */
const ENDS_IN_ID = /\d$|[-_][a-z]*\d[a-z0-9]*$/i;

function* longNames(text: string): Generator<string> {
  for (const [name] of text.matchAll(LONG_NAME)) {
    const digits = name.replace(/\D/g, '').length;
    const humps = name.match(/[A-Z]?[a-z]{2,}|[A-Z]{3,}/g)?.join('').length ?? 0;
    if (digits > 0 && digits <= 3 && humps >= 0.7 * name.length && !ENDS_IN_ID.test(name)) yield name;
  }
}

const MISSING =
  /no such file|(?:does not|doesn't|did not) exist|not found|(?:cannot|can't|could not|couldn't|unable to|failed to) (?:be )?(?:find|open|load|read|locate|resolve|import)|missing|enoent/i;
/** A path, or a quoted name of a file, that is what the failure is about: no place in a source, nothing that something is read from. */
const PATH =
  /(?<![\p{L}\p{N}_./~\\-])(?:[a-z]:)?[\p{L}\p{N}_.@+~-]{0,64}(?:[\\/]{1,2}[\p{L}\p{N}_.@+-]{1,128}){1,32}(?![\p{L}\p{N}_/\\-])/giu;
const PLACE_BEFORE = /(?:from|in|at|by|of|via|see|into|using|mount|cd|->|=>) ?["'`(]?$/i;
const PLACE_BEHIND =
  /^["'`]?(?::\s?\d|:\s(?!no such|not found|does not exist|doesn't exist|cannot|can't)|, line|\(\d|,\d)/i;
/** A file without a folder. */
const BARE_FILE = /(?<![\p{L}\p{N}_./~\\@-])[\p{L}_][\p{L}\p{N}_.-]{0,96}(?![\p{L}\p{N}_./\\(@-])/gu;
const DATA_FILE =
  /\.(?:avi|bak|bin|bmp|cache|csv|dat|db|docx?|dump|flac|gif|gz|heic|jpe?g|log|m4a|mkv|mov|mp[34]|parquet|pdf|png|sock|sqlite|svg|tar|tgz|tiff?|tmp|tsv|txt|wav|webm|webp|xlsx?|xz|zip)$/i;
const PEOPLE = /(?:^|[\\/])(?:home|users|mnt|media|tmp|temp|run|proc|dev|var)[\\/][^\\/]*$/i;

/** The names of the files that are missing. */
function* missingFiles(text: string): Generator<string> {
  if (!MISSING.test(text)) return;
  for (const match of [...text.matchAll(PATH), ...text.matchAll(BARE_FILE)]) {
    const [path] = match;
    if (!/^(?:[/~.]|[a-z]:)/i.test(path) && !FILE.test(path)) continue;
    const name = path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
    if (DATA_FILE.test(name) || PEOPLE.test(path) || ID_DIGITS.test(name.replace(NAME_WITH_DIGITS, '')))
      continue;
    if (!/\p{L}{2}/u.test(name) || PLACE_BEFORE.test(withoutBlanksEnd(text, match.index))) continue;
    const behind = text.slice(match.index + path.length, match.index + path.length + MAX_NEAR_CHARS);
    const next = text.charAt(match.index - 1);
    if (!PLACE_BEHIND.test(behind) && next !== ':') yield name;
  }
}

/** `com/acme/Cart`: a class of the JVM. */
const CLASS_FILE =
  /(?<![\p{L}\p{N}_./~\\-])(?:[a-z][a-z0-9_]{0,32}\/){1,12}([A-Z][\p{L}_$]{1,64})(?![\p{L}\p{N}_./\\-])/gu;
/** Results of Windows: `0x80070005`. */
const RESULT_CODE = /(?<![\p{L}\p{N}])0x[8c][0-9a-f]{7}(?![\p{L}\p{N}])/giu;

function* wholeNames(text: string): Generator<string> {
  for (const [, name = ''] of text.matchAll(CLASS_FILE)) yield name;
  for (const [code] of text.matchAll(RESULT_CODE)) yield code;
}

/** Small numbers that are codes, and what is written together with digits. The text is normalised. */
const SMALL_CODE =
  /(?<![\p{L}\p{N}_])(?:num|errno|(?:os |system |return |result )?error|err|rc|retcode)[ :=#(]{1,3}(-?\d{1,3})(?![\w.%]|:\d)/gu;
const ARITY = /(?<=[\p{L}_!?])\/(\d{1,2})(?![\w/.])/gu;
const WORD_WITH_DIGITS = /(?<![\p{L}\p{N}_-])[a-z]{1,12}[-_]?\d{1,4}[a-z]{0,8}(?![\p{L}\p{N}_]|[.-]\d)/gu;

function* codes(normal: string): Generator<string> {
  for (const [, code] of normal.matchAll(SMALL_CODE)) yield `code${code}`;
  for (const [, arity] of normal.matchAll(ARITY)) yield `arity${arity}`;
  for (const [word] of normal.matchAll(WORD_WITH_DIGITS))
    if (!/\d/.test(word.replace(NAME_WITH_DIGITS, ''))) yield word;
}

/** The decisive words of a text, distinct and in lower case, in order of appearance by kind. */
export function decisiveWords(text: string): string[] {
  const bare = cleaned(text);
  return decisiveWordsOf(bare, normaliseCleaned(bare));
}

const ADDRESS =
  /(?<![\p{L}\p{N}+.-])[a-z][a-z0-9+.-]{1,15}:\/\/[^\s"'<>`]*|[^\s@"'<>()]{1,64}@(?=[\p{L}\p{N}-]{1,63}\.)[^\s"'<>(),;]{1,128}/giu;

/** The same, of a text that `cleaned` has returned and of its normalised form. */
export function decisiveWordsOf(bare: string, normal: string): string[] {
  const words = new Set<string>();
  const text = bare.replace(ADDRESS, ' ');
  for (const found of [
    quotedNames(text),
    longNames(text),
    wholeNames(text),
    missingFiles(text),
    codes(normal),
  ])
    for (const word of found) {
      if (words.size === MAX_WORDS) return [...words];
      words.add(word.toLowerCase());
    }
  return [...words];
}

/** Words of which a failure has one or the other. They are too common to be compared as words. */
const OPPOSITES = [
  [/(?<!\p{L})before(?!\p{L})/u, /(?<!\p{L})after(?!\p{L})/u],
  [/(?<!\p{L})above(?!\p{L})/u, /(?<!\p{L})below(?!\p{L})/u],
  [/(?<!\p{L})over(?!\p{L})/u, /(?<!\p{L})under(?!\p{L})/u],
  [/(?<!\p{L})few(?!\p{L})/u, /(?<!\p{L})many(?!\p{L})/u],
  [/(?<!\p{L})less(?!\p{L})/u, /(?<!\p{L})more(?!\p{L})/u],
] as const;

/** Whether one text has a word and the other its opposite, such as too few and too many. */
export const haveOpposites = (a: string, b: string): boolean =>
  OPPOSITES.some(([one, other]) => {
    const [oneInA, otherInA] = [one.test(a), other.test(a)];
    return oneInA !== otherInA && one.test(b) === otherInA && other.test(b) === oneInA;
  });
