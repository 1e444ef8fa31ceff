import { findInexactNumber } from './inexact-number.ts';
import { findJsonProblem } from './json-problem.ts';

/**
 * The object or list that a text holds as JSON; undefined for any other text, and for JSON that a call could not have sent
 * as such: too deep, too wide, or with numbers that are not exact.
 * @example parseJsonText('{"a":1}') // { a: 1 }
 */
export function parseJsonText(text: string): object | undefined {
  if (!/^\s{0,8}[[{]/.test(text)) return undefined;
  try {
    const parsed: unknown = JSON.parse(text);
    const isAcceptable = findInexactNumber(text) === undefined && findJsonProblem(parsed) === undefined;
    return typeof parsed === 'object' && parsed !== null && isAcceptable ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a value is a text that holds an object or a list as JSON. */
export const isJsonText = (value: unknown): boolean =>
  typeof value === 'string' && parseJsonText(value) !== undefined;
