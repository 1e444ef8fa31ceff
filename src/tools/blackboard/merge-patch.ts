import { sameValue } from './value.ts';

export interface Merged {
  readonly value: unknown;
  /** Whether `value` differs from the target in more than the order of object members. */
  readonly isChanged: boolean;
}

/**
 * JSON Merge Patch (RFC 7396). A null member of the patch removes that member of the target; any other is merged into it.
 * A patch that is not an object replaces the target. Works on own members only, so `__proto__` is an ordinary name.
 *
 * The target must not be used afterwards: it is changed in place, so that the work follows the size of the patch.
 */
export function mergePatch(target: unknown, patch: unknown): Merged {
  if (!isObject(patch)) return { value: patch, isChanged: !sameValue(target, patch) };
  const value = isObject(target) ? target : {};
  let isChanged = value !== target;
  for (const [name, change] of Object.entries(patch)) {
    const before: unknown = Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
    if (change === null) {
      isChanged ||= before !== undefined;
      Reflect.deleteProperty(value, name);
      continue;
    }
    const merged = mergePatch(before, change);
    if (!merged.isChanged) continue;
    isChanged = true;
    Object.defineProperty(value, name, { ...MEMBER, value: merged.value });
  }
  return { value, isChanged };
}

/** Unlike an assignment, a definition does not set the prototype when the name is `__proto__`. */
const MEMBER = { configurable: true, enumerable: true, writable: true };

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
