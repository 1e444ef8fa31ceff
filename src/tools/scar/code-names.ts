/**
 * Which quoted texts are names in code: `'currentCart'`, `"App\Models\User"`, `'get_user()'`, `'@scope/package'`. They say
 * what failed, unlike quoted values, and only their case and punctuation tell them apart, so they are looked for before a
 * text is put into lower case.
 */

const QUOTED_NAME =
  /(?<![\p{L}\p{N}])(["'`‘“])([\p{L}_$@\\-][\p{L}\p{N}_$@.:\\/-]{1,127}(?:\(\))?)["'`’”](?![\p{L}\p{N}])/gu;

const CLOSING: Readonly<Record<string, string>> = { '"': '"', "'": "'", '`': "`'", '‘': '’', '“': '”' };

/** Shapes that names in code have and values seldom do. */
const SHAPES: readonly RegExp[] = [
  // currentCart, CartItem.totalPrice, HTTPServer: two humps.
  /^[\p{L}_$][\p{L}\p{N}_$.]*$/u,
  // current_cart, MAX_SIZE, _private
  /^_*\p{L}+(?:_+\p{L}+)+_*$/u,
  // std::vec, App\Models\User, com.acme.Cart, get_user()
  /^[\p{L}_$\\][\p{L}\p{N}_$]*(?:(?:::|\\|#)[\p{L}_$][\p{L}\p{N}_$]*)+(?:\(\))?$/u,
  /^[\p{L}_$][\p{L}\p{N}_$.:]*\(\)$/u,
  // @scope/package, --flag
  /^@[a-z][a-z0-9-]*\/[a-z][a-z0-9._-]*$/,
  /^--?[a-z][a-z-]*$/,
];
const HUMPS = /\p{Ll}\p{N}?\p{Lu}|\p{Lu}{2}\p{Ll}/u;

/** An id, not a name: `user_8842`, `order_19`. */
const ENDS_IN_ID = /\d{3}|[_-]\d+$/;

/** Words before a value, however its name is written: `database "shop_prod"`, `user 'joe_smith'`. */
const VALUE_BEFORE =
  /(?<![\p{L}\p{N}])(?:account|branch|bucket|cluster|container|customer|database|db|director(?:y|ies)|disk|domain|email|file|folder|group|host|hostname|image|instance|job|login|node|path|pod|queue|ref|region|release|repo|repository|revision|role|run|secret|server|session|stack|tag|task|tenant|token|user|username|value|volume|workspace)s? ?[:=]? ?\(?$/iu;
const MAX_BEFORE_CHARS = 24;

function isCodeName(name: string): boolean {
  if (ENDS_IN_ID.test(name)) return false;
  const [humped, ...others] = SHAPES;
  return (humped?.test(name) && HUMPS.test(name)) || others.some((shape) => shape.test(name));
}

/** A member's name or value in JSON, which has a meaning of its own. */
const JSON_BEFORE = /[{,:]\s{0,8}$/;

/** The text with names in code without their quotes. */
export function unquoteCodeNames(text: string): string {
  return text.replace(QUOTED_NAME, (match: string, open: string, name: string, at: number) => {
    if (!CLOSING[open]?.includes(match.slice(-1)) || !isCodeName(name)) return match;
    const before = text.slice(Math.max(0, at - MAX_BEFORE_CHARS), at);
    const isJson = open === '"' && JSON_BEFORE.test(before);
    return isJson || VALUE_BEFORE.test(before) ? match : name;
  });
}
