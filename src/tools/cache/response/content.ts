/** Whether an answer says anything: text, a tool call or media. Reasoning alone is no answer. */
import { isObject, member } from '../member.ts';
import { FINISH_NAMES } from './finish-reasons.ts';

export type Said = 'content' | 'refusal' | 'nothing';

/** Members that hold what a message or a part says. */
const CONTENT_NAMES: readonly string[] = [
  'content',
  'parts',
  'text',
  'message',
  'delta',
  'output',
  'output_text',
  'outputText',
  'completion',
  'generation',
  'generated_text',
  'response',
  'data',
  'tool_calls',
  'toolCalls',
  'function_call',
  'audio',
  'images',
];
/** Members about a message or a part, which say nothing themselves. */
const ABOUT_NAMES: ReadonlySet<string> = new Set([
  'type',
  'id',
  'object',
  'role',
  'index',
  'model',
  'created',
  'created_at',
  'status',
  'usage',
  'reasoningContent',
  'thoughtSignature',
  ...FINISH_NAMES,
]);
/** Types of parts, output items and stream events that are no part of an answer. */
const SILENT_TYPE =
  /^(?:redacted_)?(?:thinking|reasoning|compaction|signature|source|citations)|^mcp_list_tools$/;
/** Answers nest a few levels. What is deeper belongs to a tool call or to data. */
const MAX_DEPTH = 8;

export function whatIsSaid(value: unknown, depth = 0): Said {
  if (typeof value === 'string') return value.trim() === '' ? 'nothing' : 'content';
  if (value === null || value === undefined) return 'nothing';
  if (typeof value !== 'object' || depth > MAX_DEPTH) return 'content';
  if (Array.isArray(value)) return strongest(value.map((part) => whatIsSaid(part, depth + 1)));
  return saidByObject(value, depth);
}

function saidByObject(value: object, depth: number): Said {
  const type = member(value, 'type');
  if (type === 'refusal' || isText(member(value, 'refusal'))) return 'refusal';
  if (typeof type === 'string' && SILENT_TYPE.test(type)) return 'nothing';
  if (member(value, 'thought') === true) return 'nothing';
  const named = CONTENT_NAMES.filter((name) => Object.hasOwn(value, name));
  if (named.length > 0) return strongest(named.map((name) => whatIsSaid(member(value, name), depth + 1)));
  return hasOtherMember(value) ? 'content' : 'nothing';
}

/** Such as a tool call with its name, or a part with an image. */
const hasOtherMember = (value: object) =>
  Object.entries(value).some(([name, child]) => child !== null && !ABOUT_NAMES.has(name));

function strongest(all: readonly Said[]): Said {
  if (all.includes('refusal')) return 'refusal';
  return all.includes('content') ? 'content' : 'nothing';
}

const isText = (value: unknown) => typeof value === 'string' && value.trim() !== '';

/** What a message says that was stored without the body around it. Data of no known shape says something. */
export function saidByMessage(value: unknown): Said {
  return Array.isArray(value) && value.length > 0 ? strongest(value.map(saidByItem)) : saidByItem(value);
}

function saidByItem(value: unknown): Said {
  if (!isObject(value)) return 'content';
  const names = Object.keys(value).filter((name) => !ABOUT_NAMES.has(name) && name !== 'refusal');
  const isMessage = typeof member(value, 'role') === 'string' || member(value, 'type') === 'refusal';
  const isBare = names.length > 0 && names.every((name) => CONTENT_NAMES.includes(name));
  return isMessage || isBare ? whatIsSaid(value) : 'content';
}
