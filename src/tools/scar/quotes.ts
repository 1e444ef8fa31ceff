/** A text in quotes of any kind, escaped ones of JSON included. Each kind has a capture group for what is inside. */
export const QUOTED =
  /(?<![\p{L}\p{N}])(?:"((?:[^"\\\n]|\\.){0,512}?)"|'((?:[^'\\\n]|\\.){0,512}?)'|`([^`'\n]{0,512})'|`([^`\n]{0,512})`|“([^“”\n]{0,512})”|‘([^‘’\n]{0,512})’|«([^«»\n]{0,512})»)(?![\p{L}\p{N}])/gu;

/** Number of capture groups of `QUOTED`, one for each kind of quotes. */
export const GROUPS = 7;
