import type * as z from 'zod';
import type { LogPolicies } from '../../../telemetry/redact.ts';
import { parseArguments } from '../../../tools/arguments.ts';
import type { ToolContext } from '../../../tools/tool.ts';

/** What reading the records may use. */
export type ReadContext = Pick<ToolContext, 'sql' | 'now' | 'seal' | 'unseal'>;

/** One question that the records answer, for the operator and for the tenant itself. */
export interface Reader<Input extends z.ZodObject = z.ZodObject, Output extends z.ZodObject = z.ZodObject> {
  /** `<family>_<verb>`, as the name of a tool. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly input: Input;
  readonly output: Output;
  readonly log: { readonly [Field in keyof z.output<Input>]-?: LogPolicies[string] };
  /** Reads a bounded number of rows. @throws ToolError for what the caller can correct */
  read(args: z.output<Input>, context: ReadContext): z.output<Output>;
}

export const defineReader = <Input extends z.ZodObject, Output extends z.ZodObject>(
  reader: Reader<Input, Output>,
): Reader<Input, Output> => reader;

/** Checks the arguments and reads. @throws ToolError that names the argument which is wrong */
export const readWith = (reader: Reader, args: unknown, context: ReadContext): object =>
  reader.read(parseArguments(reader, args), context);
