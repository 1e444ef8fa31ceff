import type * as z from 'zod';
import { findJsonProblem } from '../json/json-problem.ts';
import { invalidInput, ToolError } from './errors.ts';
import { faultsError } from './faults.ts';
import { forgive } from './forgive.ts';
import type { Tool } from './tool.ts';

/**
 * Validates the arguments of a call against the tool's schema, after reading what clients send as what it means.
 * @returns the arguments with their defaults
 * @throws ToolError `invalid_input` or `too_large` that names every argument at fault as the caller wrote it and says what to do
 */
export function parseArguments<Input extends z.ZodObject>(
  tool: Pick<Tool<Input>, 'name' | 'input'>,
  args: unknown,
): z.output<Input> {
  requireAcceptableJson(args);
  const read = forgive(tool.input, args);
  const parsed = tool.input.safeParse(read);
  if (parsed.success) return parsed.data;
  throw faultsError(parsed.error.issues, tool.input, read);
}

function requireAcceptableJson(args: unknown): void {
  const found = findJsonProblem(args);
  if (found === undefined) return;
  if (found.problem === 'ill_formed_text') {
    const field = found.path === '' ? 'arguments' : found.path;
    throw invalidInput(
      field,
      `${field} contains text that is not well-formed Unicode (an unpaired surrogate). Send valid text.`,
    );
  }
  if (found.problem === 'inexact_number') {
    throw invalidInput(
      found.path,
      `${found.path} is a number that cannot be kept exactly. Send fewer digits, or send it as text.`,
      { expected: 'string', received: 'number' },
    );
  }
  const { limit } = found;
  const message =
    found.problem === 'too_deep'
      ? `The arguments are nested deeper than ${limit} levels. Send a flatter value.`
      : `The arguments contain more than ${limit} values. Send fewer of them in a call.`;
  throw new ToolError('too_large', message, { limit, max: limit });
}
