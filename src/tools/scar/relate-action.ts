import { commandText } from './command-line.ts';
import { type Relation, recency, type SearchStage, sameTool, sharedWords } from './relate-failure.ts';
import type { Scar } from './store.ts';
import { tokensOf } from './tokens.ts';

/** A planned action. Names are redacted, as the stored ones are. */
export interface Attempt {
  readonly project: string | null;
  readonly tool: string | null;
  readonly target: string | null;
  readonly action: string;
}

/** An action and a scar must share at least this many words. */
const MIN_SHARED = 2;
const SAME_ACTION_BOOST = 2;
/** Share of the shorter text's words that must match when both concern the same tool. */
const MIN_SHARE = 0.5;
/** The same when one tool is unknown or the targets differ. */
const MIN_SHARE_OTHER_TARGET = 0.75;

/** Decides whether a scar that a search returned concerns the action, and scores it. Age lowers the score but never excludes. */
export function relateAction(
  attempt: Attempt & { readonly tokens: readonly string[]; readonly actionKey: string },
  scar: Scar,
  stage: SearchStage,
  now: number,
): Relation {
  // With the same tool and target, only the recorded action is compared; a scar without one concerns every action there.
  const theirs =
    stage === 'tool_target'
      ? tokensOf(scar.action && commandText(scar.action))
      : scar.tokens.split(' ').filter(Boolean);
  const shared = sharedWords(attempt.tokens, theirs, stage === 'trigrams');
  const shorter = Math.min(attempt.tokens.length, theirs.length);
  const share = shorter === 0 ? 0 : shared / shorter;
  const isSame = attempt.actionKey === scar.action_key;
  const isAlike =
    stage === 'tool_target'
      ? shared >= Math.min(MIN_SHARED, shorter)
      : isSame || (shared >= MIN_SHARED && share >= minShare(attempt, scar));
  return {
    score:
      ((isSame ? SAME_ACTION_BOOST : 1) * (1 + shared) * (1 + share) * recency(scar, now)) /
      (1 + scar.wrong_matches),
    accepts: () => isAlike && (stage === 'tool_target' || !hasDifferentTool(attempt, scar)),
  };
}

const hasDifferentTool = (attempt: Attempt, scar: Scar) =>
  attempt.tool !== null && scar.tool !== null && !sameTool(attempt.tool, scar.tool);

function minShare(attempt: Attempt, scar: Scar): number {
  const isOtherTarget = attempt.target !== null && scar.target !== null && attempt.target !== scar.target;
  return attempt.tool === null || scar.tool === null || isOtherTarget ? MIN_SHARE_OTHER_TARGET : MIN_SHARE;
}
