/** Why an answer is not stored: it is not one that the same question should be given again. */
export type Unfit = 'truncated' | 'refused' | 'filtered' | 'empty';

/** Finish reasons of the providers, in lower case. */
const UNFIT_REASONS: Readonly<Record<Exclude<Unfit, 'empty'>, readonly string[]>> = {
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

export function unfitness(answer: unknown, finishReason: string | undefined): Unfit | undefined {
  const reason = finishReason?.toLowerCase() ?? '';
  if (UNFIT_REASONS.truncated.includes(reason)) return 'truncated';
  if (UNFIT_REASONS.refused.includes(reason)) return 'refused';
  if (UNFIT_REASONS.filtered.includes(reason)) return 'filtered';
  return isEmpty(answer) ? 'empty' : undefined;
}

function isEmpty(answer: unknown): boolean {
  if (typeof answer === 'string') return answer.trim() === '';
  if (typeof answer !== 'object') return false;
  return answer === null || Object.keys(answer).length === 0;
}
