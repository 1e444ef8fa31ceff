import { findInexactNumber, isInexact } from './inexact-number.ts';

/**
 * The value of a JSON text with NaN, which no JSON text can hold, in place of every number that JavaScript would change; so
 * whoever the value belongs to can refuse that number by its name.
 * @param json a valid JSON text of bounded depth, because parsing it this way recurses
 * @returns undefined when every number is as it was sent
 */
export function withInexactMarked(json: string): unknown {
  if (findInexactNumber(json) === undefined) return undefined;
  return JSON.parse(json, (_name, value: unknown, context?: { readonly source?: string }) =>
    typeof value === 'number' && isInexact(context?.source ?? '') ? Number.NaN : value,
  );
}

/** Whether a value of bounded depth has a number that `withInexactMarked` has marked. */
export function isMarked(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return Number.isNaN(value);
  return Object.values(value).some(isMarked);
}
