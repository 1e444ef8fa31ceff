import { recency, sameName, sharedWords } from './relation.ts';
import type { Scar } from './store.ts';
import { tokensOf } from './tokens.ts';

/** What is going to be done; its names are without credentials, as the stored ones are. */
export interface Attempt {
  readonly project: string | null;
  readonly tool: string | null;
  readonly target: string | null;
  readonly action: string;
}

/** Words that an action and a scar share at least. */
const MIN_SHARED = 2;
/** The part of the shorter text that must be shared when both are about the same tool. */
const MIN_SHARE = 0.5;
/** The same when the tool of one is not known, or the targets differ. */
const MIN_SHARE_ELSEWHERE = 0.75;

/** How a scar found by a search relates to what is going to be done. Age re-ranks, it excludes nothing. */
export function relateAction(
  attempt: Attempt & { readonly tokens: readonly string[] },
  scar: Scar,
  rung: 'tool_target' | 'words' | 'trigrams',
  now: number,
): { accepted: boolean; score: number } {
  // A scar of the same tool and target says what was tried, or it speaks about everything that is done there.
  const theirs = rung === 'tool_target' ? tokensOf(scar.action) : scar.tokens.split(' ').filter(Boolean);
  const shared = sharedWords(attempt.tokens, theirs, rung === 'trigrams');
  const shorter = Math.min(attempt.tokens.length, theirs.length);
  const share = shorter === 0 ? 0 : shared / shorter;
  return {
    accepted:
      rung === 'tool_target'
        ? shared >= Math.min(MIN_SHARED, shorter)
        : !otherTool(attempt, scar) && shared >= MIN_SHARED && share >= leastShare(attempt, scar),
    score: ((1 + shared) * (1 + share) * recency(scar, now)) / (1 + scar.wrong_matches),
  };
}

const otherTool = (attempt: Attempt, scar: Scar) =>
  attempt.tool !== null && scar.tool !== null && !sameName(attempt.tool, scar.tool);

function leastShare(attempt: Attempt, scar: Scar): number {
  const elsewhere = attempt.target !== null && scar.target !== null && attempt.target !== scar.target;
  return attempt.tool === null || scar.tool === null || elsewhere ? MIN_SHARE_ELSEWHERE : MIN_SHARE;
}
