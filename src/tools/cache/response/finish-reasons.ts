import { isObject, member } from '../member.ts';

/** Why a response is not stored: a repetition of the question could get a better one. */
export type UncacheableReason =
  | 'truncated'
  | 'refused'
  | 'filtered'
  | 'failed'
  | 'paused'
  | 'empty'
  | 'unknown_finish_reason';

/** The reasons with which common providers end a complete answer. Any other reason is not known to be good. */
const COMPLETE: ReadonlySet<string> = new Set([
  'stop', // OpenAI, Mistral, Gemini, Ollama, Llama, AI SDK
  'tool_calls', // OpenAI, Mistral, AI SDK
  'function_call',
  'completed', // OpenAI Responses
  'end_turn', // Anthropic, Bedrock
  'stop_sequence',
  'tool_use',
  'complete', // Cohere
  'tool_call',
  'finish', // Amazon Titan
  'endoftext', // AI21
  'eos', // Together
  'eos_token', // Text Generation Inference
  'succeeded', // Replicate
]);

/** What the other known reasons mean. */
const INCOMPLETE: Readonly<Record<Exclude<UncacheableReason, 'empty' | 'unknown_finish_reason'>, string[]>> =
  {
    truncated: [
      'length',
      'max_tokens',
      'max_output_tokens',
      'max_length',
      'model_length',
      'model_context_window_exceeded',
      'context_window_exceeded',
      'incomplete',
      'error_limit',
      'time_limit',
    ],
    refused: ['refusal', 'refused'],
    filtered: [
      'content_filter',
      'content_filtered',
      'guardrail_intervened',
      'safety',
      'recitation',
      'language',
      'blocklist',
      'prohibited_content',
      'spii',
      'model_armor',
      'image_safety',
      'image_prohibited_content',
      'image_recitation',
      'error_toxic',
      'sensitive',
    ],
    failed: [
      'error',
      'failed',
      'cancelled',
      'canceled',
      'user_cancel',
      'abort',
      'aborted',
      'timeout',
      'expired',
      'malformed_function_call',
      'malformed_response',
      'malformed_model_output',
      'malformed_tool_use',
      'unexpected_tool_call',
      'too_many_tool_calls',
      'missing_thought_signature',
      'no_image',
      'image_other',
      'insufficient_system_resource',
      'network_error',
    ],
    paused: [
      'pause_turn',
      'compaction',
      'queued',
      'starting',
      'in_progress',
      'processing',
      'requires_action',
    ],
  };

const REASON_OF = new Map(
  Object.entries(INCOMPLETE).flatMap(([reason, words]) =>
    words.map((word) => [word, reason as keyof typeof INCOMPLETE]),
  ),
);

/** The names under which providers report a finish reason. */
export const FINISH_NAMES = [
  'finish_reason',
  'finishReason',
  'stop_reason',
  'stopReason',
  'completionReason',
  'done_reason',
] as const;

/** @returns undefined if a complete answer ends so */
export function judgeFinishReason(finish: unknown): UncacheableReason | undefined {
  // The AI SDK reports {unified, raw}, and AI21 {reason}.
  const told = isObject(finish) ? (member(finish, 'unified') ?? member(finish, 'reason')) : finish;
  const word = typeof told === 'string' ? normalised(told) : '';
  return COMPLETE.has(word) ? undefined : (REASON_OF.get(word) ?? 'unknown_finish_reason');
}

/** `FinishReason.MAX_TOKENS` (an enum printed by Python) and `max-tokens` are `max_tokens`. */
const normalised = (word: string) =>
  word
    .slice(word.lastIndexOf('.') + 1)
    .trim()
    .toLowerCase()
    .replaceAll(/[-\s]/g, '_');
