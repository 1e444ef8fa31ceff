/** Reads how many tokens a call took, from the usage that providers report under their own names. */
import * as z from 'zod';
import { isObject, member } from '../member.ts';

/** More than this in one call is a mistake. */
const MAX_TOKENS = 10_000_000;
const MAX_COST_USD = 10_000;

/** The members that are checked. Whatever else a provider reports is accepted. */
const checkedUsage = z.looseObject({
  input_tokens: z.int().min(0).max(MAX_TOKENS).nullish(),
  output_tokens: z.int().min(0).max(MAX_TOKENS).nullish(),
  cost_usd: z.number().min(0).max(MAX_COST_USD).nullish(),
});

/** What a member must be, as the refusal says it and as its fields. */
const TOKENS = {
  message: `must be an integer from 0 to ${MAX_TOKENS}`,
  params: { expected: 'integer', min: 0, max: MAX_TOKENS },
};
const COST = {
  message: `must be a number from 0 to ${MAX_COST_USD}`,
  params: { expected: 'number', min: 0, max: MAX_COST_USD },
};

const rightFormOf = (member: PropertyKey | undefined) =>
  member === undefined ? { message: 'must be a JSON object' } : member === 'cost_usd' ? COST : TOKENS;

/** A usage as callers give it. Its members are not published, because each provider has its own. */
export const usageField = () =>
  z
    .unknown()
    .superRefine((usage, context) => {
      for (const { path } of checkedUsage.safeParse(usage).error?.issues ?? [])
        context.addIssue({ code: 'custom', path: [...path], ...rightFormOf(path[0]) });
    })
    .meta({ type: 'object', additionalProperties: true });

export const costOf = (usage: unknown): number | undefined => {
  const cost = member(usage, 'cost_usd');
  return typeof cost === 'number' ? cost : undefined;
};

/** Names that one provider uses together. What a name stands for is counted once: cached tokens are apart only where named. */
interface Names {
  readonly input: readonly string[];
  readonly output: readonly string[];
}

const NAMES: readonly Names[] = [
  { input: ['prompt_tokens'], output: ['completion_tokens'] },
  {
    input: ['input_tokens', 'cache_creation_input_tokens', 'cache_read_input_tokens'],
    output: ['output_tokens'],
  },
  { input: ['inputTokens', 'cacheReadInputTokens', 'cacheWriteInputTokens'], output: ['outputTokens'] },
  {
    input: ['promptTokenCount', 'toolUsePromptTokenCount'],
    output: ['candidatesTokenCount', 'thoughtsTokenCount'],
  },
  {
    input: ['prompt_token_count', 'tool_use_prompt_token_count'],
    output: ['candidates_token_count', 'thoughts_token_count', 'generation_token_count'],
  },
  { input: ['promptTokens'], output: ['completionTokens'] },
  { input: ['prompt_eval_count'], output: ['eval_count'] },
  { input: [], output: ['total_tokens'] },
  { input: [], output: ['totalTokens'] },
  { input: [], output: ['totalTokenCount'] },
];

/** Members of a usage that hold the numbers, when it has none itself: Cohere, LangChain. */
const INNER = ['tokens', 'billed_units', 'token_usage', 'tokenUsage', 'usage'] as const;

/** The tokens of a usage. @returns undefined if it has no name that is known, or a number that cannot be right */
export function tokensOfUsage(usage: unknown): number | undefined {
  for (const holder of [usage, ...INNER.map((name) => member(usage, name))]) {
    const names = NAMES.find(({ input, output }) => [...input, ...output].some((name) => has(holder, name)));
    if (names !== undefined) return sumOf(holder, names);
  }
  return undefined;
}

function sumOf(usage: unknown, { input, output }: Names): number | undefined {
  const numbers = [...input, ...output]
    .filter((name) => has(usage, name))
    .map((name) => numberOf(member(usage, name)));
  return numbers.every(isTokenCount) ? numbers.reduce((sum, number) => sum + number, 0) : undefined;
}

const has = (usage: unknown, name: string) => member(usage, name) != null;

/** The AI SDK reports {total, …} for each direction. */
const numberOf = (value: unknown) => (isObject(value) ? member(value, 'total') : value);

const isTokenCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_TOKENS;

/** Members of a body or event that hold its usage. */
const HOLDERS = ['usage', 'usageMetadata', 'usage_metadata', 'meta', 'response_metadata'] as const;
/** Members of a stream's event in which the usage stands. */
const EVENT_HOLDERS = ['message', 'response', 'delta', 'metadata'] as const;

/** The tokens that a response reports. Of a stream, what its events report together: the last of each number. */
export function tokensOfBody(body: unknown): number | undefined {
  if (!Array.isArray(body)) return tokensOfUsage(usageIn(body) ?? body);
  const numbers = new Map<string, unknown>();
  for (const event of body) {
    for (const holder of [event, ...EVENT_HOLDERS.map((name) => member(event, name))]) {
      for (const [name, number] of Object.entries(usageIn(holder) ?? {})) numbers.set(name, number);
    }
  }
  return tokensOfUsage(numbers.size > 0 ? Object.fromEntries(numbers) : body.at(-1));
}

const usageIn = (body: unknown) => HOLDERS.map((name) => member(body, name)).find(isObject);
