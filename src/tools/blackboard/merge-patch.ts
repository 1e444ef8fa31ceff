import { endOfString, endOfValue } from '../../json/text-scan.ts';
import { sameJson } from './value.ts';

/**
 * JSON Merge Patch (RFC 7396) of a JSON text that `JSON.stringify` has made. A null member of the patch removes that member
 * of the target; any other is merged into it. A target that is not an object counts as an empty one.
 *
 * The text is passed over once and not parsed, because an object of many members takes a tenth of a second to parse and to
 * make text of again.
 * @returns the merged text: the very target when nothing changes but perhaps the order of members
 */
export function mergePatch(target: string, patch: object): string {
  return new Merge(target.startsWith('{') ? target : '{}').run(patch);
}

class Merge {
  readonly #target: string;
  readonly #parts: string[] = [];
  /** The target is in the parts up to here. */
  #copied = 0;

  constructor(target: string) {
    this.#target = target;
  }

  run(patch: object): string {
    const end = this.#mergeObject(0, patch);
    if (this.#copied === 0) return this.#target;
    this.#replace(end, end, '');
    return this.#parts.join('');
  }

  /** @param at the index of an opening brace. @returns the index after the closing one */
  #mergeObject(at: number, patch: object): number {
    const changes = new Map(Object.entries(patch).map(([name, change]) => [JSON.stringify(name), change]));
    let isFirst = true;
    let from = at + 1;
    while (this.#target[from] !== '}') {
      if (this.#target[from] === ',') from++;
      const colon = endOfString(this.#target, from);
      const name = this.#target.slice(from, colon);
      const change: unknown = changes.get(name);
      changes.delete(name);
      const to = this.#mergeMember(colon + 1, change);
      if (change === null) this.#remove(from, to, isFirst);
      else isFirst = false;
      from = to;
    }
    for (const [name, change] of changes) {
      if (change === null) continue;
      this.#replace(from, from, `${isFirst ? '' : ','}${name}:${merged(change)}`);
      isFirst = false;
    }
    return from + 1;
  }

  /** @param at where the value of the member begins. @returns the index after it */
  #mergeMember(at: number, change: unknown): number {
    if (isObject(change) && this.#target[at] === '{') return this.#mergeObject(at, change);
    const end = endOfValue(this.#target, at);
    if (change === undefined || change === null) return end;
    const text = merged(change);
    if (!sameJson(this.#target.slice(at, end), text)) this.#replace(at, end, text);
    return end;
  }

  /** Removes a member, with the comma before it, or the one behind it if nothing is before it. */
  #remove(from: number, to: number, isFirst: boolean): void {
    if (!isFirst) this.#replace(from - 1, to, '');
    else this.#replace(from, this.#target[to] === ',' ? to + 1 : to, '');
  }

  #replace(from: number, to: number, text: string): void {
    this.#parts.push(this.#target.slice(this.#copied, from), text);
    this.#copied = to;
  }
}

/** The text of a change where the target has no object to merge it into. */
const merged = (change: unknown): string =>
  isObject(change) ? mergePatch('{}', change) : JSON.stringify(change);

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
