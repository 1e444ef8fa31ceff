import { jsonBytes } from '../json/raw-json.ts';
import { ANSWER_BYTES, type LeftOut } from '../tools/answer-budget.ts';
import { ToolError } from '../tools/errors.ts';
import type { RemoteTool } from '../tools/remote-tool.ts';

/**
 * Cuts the answer of a remote tool to what a model reads.
 *
 * Guarantees: a cut answer takes 64 KiB at most and fits the output schema of the tool. What is kept is whole: the first entries
 * of a list, or the start of a text. What is left out is named in `left_out` with its bytes, and with how to get it.
 */

type Part = LeftOut['parts'][number];

/** Of the answer, what is set aside for `left_out`. */
const REST_BYTES = 6144;
/** The most parts that are named; what is left out beyond them is added up under `*`. */
const MAX_PARTS = 20;
const MAX_PATH_CHARS = 128;
/** An answer that is nested more deeply is not cut. */
const MAX_DEPTH = 16;
/** A text of which less would be left is left whole or not at all. */
const MIN_TEXT_CHARS = 64;

/**
 * @param answer what the tool has answered, checked
 * @returns the answer, or as much of it as fits
 * @throws ToolError `too_large` when what fits would not be an answer of the tool
 */
export function fitAnswer(tool: RemoteTool, answer: Record<string, unknown>): Record<string, unknown> {
  if (jsonBytes(answer) <= ANSWER_BYTES) return answer;
  const parts: Part[] = [];
  const cut = cutValue(answer, { bytes: ANSWER_BYTES - REST_BYTES, path: '', depth: 0, parts });
  const checked = Object.hasOwn(answer, 'left_out') ? undefined : tool.output.safeParse(cut).data;
  if (checked === undefined || jsonBytes(checked) > ANSWER_BYTES - REST_BYTES)
    throw new ToolError('too_large', `The answer is larger than 64 KiB. ${howToGet(tool)}`, {
      limit: ANSWER_BYTES,
    });
  return { ...checked, left_out: { parts: namedParts(parts), hint: howToGet(tool) } };
}

function howToGet(tool: RemoteTool): string {
  if (!tool.annotations.readOnlyHint)
    return 'The call has taken effect: do not repeat it. Read the rest with a tool that reads.';
  const pages = ['limit', 'cursor', 'offset', 'page'].filter((name) => name in tool.input.shape);
  const less = pages.length === 0 ? 'Ask for less' : `Ask for less with ${pages.join(' or ')}`;
  return tool.asks ? `${less}.` : `${less}, or call POST /v1/tools/${tool.name}, which answers whole.`;
}

interface Cut {
  readonly bytes: number;
  readonly path: string;
  readonly depth: number;
  readonly parts: Part[];
}

function cutValue(value: unknown, cut: Cut): unknown {
  if (jsonBytes(value) <= cut.bytes || cut.depth >= MAX_DEPTH) return value;
  if (typeof value === 'string') return cutText(value, cut);
  if (Array.isArray(value)) return cutList(value, cut);
  if (typeof value === 'object' && value !== null) return cutObject(Object.entries(value), cut);
  return value;
}

function cutText(text: string, { bytes, path, parts }: Cut): string {
  let start = text.slice(0, Math.max(bytes, 0));
  while (jsonBytes(start) > bytes && start.length >= MIN_TEXT_CHARS)
    start = start.slice(0, Math.floor(start.length * 0.9));
  if (start.length < MIN_TEXT_CHARS) start = '';
  // Not in the middle of a character.
  if (/[\ud800-\udbff]$/.test(start)) start = start.slice(0, -1);
  parts.push({ path, bytes: jsonBytes(text) - jsonBytes(start) });
  return start;
}

/** The first entries that fit; of a first one that does not, its start. */
function cutList(list: readonly unknown[], cut: Cut): unknown[] {
  let left = cut.bytes - 2;
  const kept: unknown[] = [];
  for (const entry of list) {
    const bytes = jsonBytes(entry) + 1;
    if (bytes > left) break;
    left -= bytes;
    kept.push(entry);
  }
  const [first] = list;
  if (kept.length === 0 && typeof first === 'object' && first !== null)
    kept.push(cutValue(first, { ...cut, bytes: left - 1, path: `${cut.path}[0]`, depth: cut.depth + 1 }));
  const rest = list.slice(kept.length);
  if (rest.length > 0) cut.parts.push({ path: cut.path, entries: rest.length, bytes: jsonBytes(rest) - 2 });
  return kept;
}

/** The small members whole; the others share what is left, the smaller first. */
function cutObject(members: readonly (readonly [string, unknown])[], cut: Cut): Record<string, unknown> {
  const sized = members.map(([name, value]) => ({
    name,
    value,
    bytes: jsonBytes(value),
    key: jsonBytes(name) + 2,
  }));
  let left = cut.bytes - 2 - sized.reduce((sum, { key }) => sum + key, 0);
  const room = new Map<string, number>();
  for (const [at, { name, bytes }] of sized.toSorted((a, b) => a.bytes - b.bytes).entries()) {
    const share = Math.min(bytes, Math.floor(left / (sized.length - at)));
    room.set(name, share);
    left -= share;
  }
  const fitted = sized.map(({ name, value }) => {
    const path = cut.path === '' ? name : `${cut.path}.${name}`;
    return [name, cutValue(value, { ...cut, bytes: room.get(name) ?? 0, path, depth: cut.depth + 1 })];
  });
  return Object.fromEntries(fitted);
}

function namedParts(parts: readonly Part[]): Part[] {
  const named = parts
    .slice(0, MAX_PARTS)
    .map((part) => ({ ...part, path: part.path.slice(0, MAX_PATH_CHARS) }));
  const rest = parts.slice(MAX_PARTS);
  if (rest.length === 0) return named;
  return [...named, { path: '*', bytes: rest.reduce((sum, { bytes }) => sum + bytes, 0) }];
}
