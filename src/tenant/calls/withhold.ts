import { SCOPES, type Scope, type Tool } from '../../tools/tool.ts';
import { toJson } from './outcomes.ts';

/**
 * Leaves out of an answer what was stored before the call, when the token has the write scope of a family without its read
 * scope. `withheld` then names the fields that were left out, and the scope that would show them.
 * @param json the answer as JSON text
 */
export function withholdStored(
  json: string,
  { scope, storedFields = [] }: Pick<Tool, 'scope' | 'storedFields'>,
  scopes: readonly Scope[],
): string {
  const needed = SCOPES.find((candidate) => candidate === scope.replace(/:write$/, ':read'));
  if (storedFields.length === 0 || needed === undefined || scopes.includes(needed)) return json;
  const answer: unknown = JSON.parse(json);
  const fields = storedFields.filter((path) => removeAt(answer, path.split('.')));
  return fields.length === 0 ? json : toJson({ ...Object(answer), withheld: { fields, scope: needed } });
}

/**
 * Removes a field.
 * @param path names of members; `name[]` stands for every element of the list in that member
 * @returns whether there was one
 */
function removeAt(value: unknown, [name = '', ...rest]: readonly string[]): boolean {
  const member = name.replace(/\[\]$/, '');
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, member)) return false;
  if (rest.length === 0) return Reflect.deleteProperty(value, member);
  const inner: unknown = Reflect.get(value, member);
  if (member === name) return removeAt(inner, rest);
  return Array.isArray(inner) && inner.filter((element) => removeAt(element, rest)).length > 0;
}
