/** Why an answer is not stored: a repetition of the question could get a better one. */
export type UncacheableReason = 'truncated' | 'refused' | 'filtered' | 'empty';

/** The finish reasons of common providers, in lower case. */
const UNCACHEABLE_FINISH_REASONS: Readonly<Record<Exclude<UncacheableReason, 'empty'>, readonly string[]>> = {
  truncated: [
    'length',
    'max_tokens',
    'max_output_tokens',
    'model_length',
    'model_context_window_exceeded',
    'incomplete',
    'error_limit',
  ],
  refused: ['refusal', 'refused'],
  filtered: [
    'content_filter',
    'content_filtered',
    'content-filter',
    'guardrail_intervened',
    'safety',
    'recitation',
    'blocklist',
    'prohibited_content',
    'spii',
    'image_safety',
    'error_toxic',
  ],
};

export function uncacheableReason(
  answer: unknown,
  finishReason: string | undefined,
): UncacheableReason | undefined {
  const reason = finishReason?.toLowerCase() ?? '';
  if (UNCACHEABLE_FINISH_REASONS.truncated.includes(reason)) return 'truncated';
  if (UNCACHEABLE_FINISH_REASONS.refused.includes(reason)) return 'refused';
  if (UNCACHEABLE_FINISH_REASONS.filtered.includes(reason)) return 'filtered';
  return isEmpty(answer) ? 'empty' : undefined;
}

function isEmpty(answer: unknown): boolean {
  if (typeof answer === 'string') return answer.trim() === '';
  if (typeof answer !== 'object') return false;
  return answer === null || Object.keys(answer).length === 0;
}
