/**
 * Every character that is not shown, or that changes how others are shown: control characters, overrides of direction, joiners,
 * fillers, blanks without width, line and paragraph separators, halves of surrogate pairs. The selector that gives a symbol its
 * colours is none of them.
 */
export const UNSEEN =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u2800]|(?!(?<=\p{Extended_Pictographic})\uFE0F)\p{Default_Ignorable_Code_Point}/gu;
