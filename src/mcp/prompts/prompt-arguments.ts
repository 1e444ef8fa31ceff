import * as z from 'zod';
import { parseArguments } from '../../tools/arguments.ts';
import { ToolError } from '../../tools/errors.ts';
import { invalidParams } from '../invalid-params.ts';
import type { Given, Prompt, PromptArgument } from './prompt.ts';

/**
 * The arguments of a `prompts/get`, read as those of a tool: a number is its text, and a refusal names all faults. Forms
 * send an empty text for what was left blank, so it is left out.
 * @throws ProtocolError that names the arguments at fault and what to do
 */
export function parsePromptArguments<Args extends Readonly<Record<string, PromptArgument>>>(
  prompt: Prompt<Args>,
  given: unknown,
): Given<Args> {
  const fields = Object.entries(prompt.arguments).map(([name, { schema, required }]) => [
    name,
    required ? schema : schema.optional(),
  ]);
  const input = z.strictObject(Object.fromEntries(fields));
  try {
    return parseArguments({ name: prompt.name, input }, withoutBlanks(given ?? {})) as Given<Args>;
  } catch (thrown) {
    if (!(thrown instanceof ToolError)) throw thrown;
    throw invalidParams(thrown.message, thrown.detail);
  }
}

const isBlank = (value: unknown) => value === null || (typeof value === 'string' && value.trim() === '');

function withoutBlanks(given: unknown): unknown {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return given;
  return Object.fromEntries(Object.entries(given).filter(([, value]) => !isBlank(value)));
}
