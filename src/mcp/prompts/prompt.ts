import type * as z from 'zod';
import { escapeSeparators, toJsonLine } from '../../json/json-line.ts';
import type { CompletionSource } from '../completion-sources.ts';

/** An argument that a person fills in. The protocol has texts only. */
export interface PromptArgument {
  readonly description: string;
  readonly required: boolean;
  readonly schema: z.ZodType<string>;
  /** Where a client gets values to choose from. */
  readonly completes?: CompletionSource;
}

type Arguments = Readonly<Record<string, PromptArgument>>;

/** The arguments of one request; undefined for what was left out. */
export type Given<Args extends Arguments> = {
  readonly [Name in keyof Args]: Args[Name]['required'] extends true ? string : string | undefined;
};

/** A prompt that people pick from a menu of their client. `definePrompt` shows one. */
export interface Prompt<Args extends Arguments = Arguments> {
  /** Lower-case words joined by `_`, unique among the prompts. */
  readonly name: string;
  /** The name for people, 4 to 40 characters. */
  readonly title: string;
  /** What it makes a model do, 41 to 200 characters. */
  readonly description: string;
  /** Every tool that the text names. The prompt is offered where all of them can be called. */
  readonly tools: readonly string[];
  readonly arguments: Args;
  /**
   * What the model is told: which tools to call, in which order. It never contains what is stored, because whoever stored
   * it would then instruct the model; what the person gave is quoted, by `quote` or `callOf`.
   */
  text(args: Given<Args>): string;
}

/**
 * Defines a prompt. It is offered once it is listed in `published.ts`.
 *
 * @example
 * ```ts
 * import { runId } from '../../tools/fields.ts';
 * import { callOf, definePrompt } from './prompt.ts';
 *
 * export const sumUp = definePrompt({
 *   name: 'sum_up',
 *   title: 'Sum up a board',
 *   description: 'Reads what agents have stored on a board, and sums it up for you.',
 *   tools: ['blackboard_list'],
 *   arguments: {
 *     run_id: { description: 'The board.', required: true, schema: runId(), completes: 'boards' },
 *   },
 *   text: ({ run_id }) => `Sum up what this lists: ${callOf('blackboard_list', { run_id })}`,
 * });
 * ```
 */
export function definePrompt<const Args extends Arguments>(prompt: Prompt<Args>): Prompt<Args> {
  return prompt;
}

/** A text of the person's, so that it can neither end early nor begin a line: as JSON. */
export const quote = (text: string) => escapeSeparators(JSON.stringify(text));

/** A call for the model to make, with the arguments that are known. Undefined ones are left out. */
export const callOf = (tool: string, args: Readonly<Record<string, unknown>>) =>
  `${tool} ${toJsonLine(args)}`;
