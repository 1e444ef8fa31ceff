import type * as z from 'zod';

/** What a remote tool may ask its caller while it runs (MCP specification, "Elicitation", "Sampling", "Roots"). */

/** A JSON Schema for a form, where a Zod schema cannot say what the form needs. Its answer is not checked. */
export interface FormSchema {
  readonly type: 'object';
  readonly properties: Readonly<Record<string, unknown>>;
  readonly required?: readonly string[];
}

/** A form that the user of the client fills in. */
export interface Elicit<Schema extends z.ZodObject | FormSchema = z.ZodObject | FormSchema> {
  readonly kind: 'elicit';
  readonly message: string;
  /** A flat object of texts, numbers, booleans and enumerations. */
  readonly schema: Schema;
}

/** A prompt that the client's model answers. */
export interface Sample {
  readonly kind: 'sample';
  readonly prompt: string;
  readonly maxTokens: number;
}

/** The folders that the client has opened. */
export interface ListRoots {
  readonly kind: 'roots';
}

export type Question = Elicit | Sample | ListRoots;
/** Questions that are asked together, each under a key that is unique within the tool. */
export type Questions = Readonly<Record<string, Question>>;

export type Elicited<Content = Record<string, unknown>> =
  | { readonly action: 'accept'; readonly content: Content }
  | { readonly action: 'decline' | 'cancel' };

type ContentOf<Schema> = Schema extends z.ZodObject ? z.output<Schema> : Record<string, unknown>;

/** The answer to one question. */
export type AnswerTo<Asked extends Question> =
  Asked extends Elicit<infer Schema>
    ? Elicited<ContentOf<Schema>>
    : Asked extends Sample
      ? { readonly content: unknown }
      : readonly { readonly uri: string; readonly name?: string | undefined }[];

export type AnswersTo<Asked extends Questions> = { readonly [Key in keyof Asked]: AnswerTo<Asked[Key]> };
