/**
 * The form of messages and params that a key is made of. It differs from what was sent in three things only, which do not
 * change what is asked:
 *
 * 1. The ids that providers make up for tool calls are numbered in the order of their appearance. The same id gets the same
 *    number, so which result belongs to which call still counts.
 * 2. Marks for the provider's own cache (`cache_control`, `cachePoint`) are left out.
 * 3. A content with one text part only is that text.
 *
 * They are looked for where providers define them: in a message, in the parts of its content and of a tool result, and in tools.
 * The arguments and results of tools are data, in which the same names mean something else, so there every member counts.
 */
import { isObject, member } from './member.ts';

export function keyedMessages(messages: readonly unknown[]): unknown[] {
  const ids = new Map<string, string>();
  return messages.map((message) => keyedMessage(message, ids));
}

export function keyedParams(params: unknown, ignored: ReadonlySet<string>): object {
  const counting = Object.entries(Object(params)).filter(([name]) => !ignored.has(name));
  const unmarked = withoutMark(Object.fromEntries(counting));
  const changed = changeMember(unmarked, 'tools', keyedTools);
  const config = changeMember(changed, 'toolConfig', (value) => changeMember(value, 'tools', keyedTools));
  return Object(changeMember(config, 'system', (value) => keyedContent(value, new Map())));
}

type Ids = Map<string, string>;

const CALL_ITEM =
  /^(?:function|custom_tool|computer|local_shell|shell|apply_patch|web_search|file_search|code_interpreter|image_generation|mcp)_call(?:_output)?$/;

/** A message, or an item of OpenAI's Responses. */
function keyedMessage(value: unknown, ids: Ids): unknown {
  const type = member(value, 'type');
  const isCall = typeof type === 'string' && CALL_ITEM.test(type);
  let message = withoutMark(value);
  if (isCall) message = renumber(renumber(message, 'id', ids), 'call_id', ids);
  message = renumber(message, 'tool_call_id', ids);
  message = changeMember(message, 'tool_calls', (calls) =>
    mapItems(calls, (call) => renumber(call, 'id', ids)),
  );
  for (const name of isCall ? ['output'] : ['content', 'parts'])
    message = changeMember(message, name, (content) => keyedContent(content, ids));
  return message;
}

function keyedContent(value: unknown, ids: Ids): unknown {
  if (!Array.isArray(value)) return value;
  const parts = value.filter((part) => !isCachePoint(part)).map((part) => keyedPart(part, ids));
  return parts.length === 1 ? (textOfTextPart(parts[0]) ?? parts) : parts;
}

/** The ids of the calls and results in parts: of Anthropic, the AI SDK, Bedrock and Gemini. */
function keyedPart(value: unknown, ids: Ids): unknown {
  const part = withoutMark(value);
  const type = member(part, 'type');
  if (typeof type === 'string' && TOOL_USE.test(type)) return renumber(part, 'id', ids);
  if (typeof type === 'string' && TOOL_RESULT.test(type))
    return changeMember(renumber(part, 'tool_use_id', ids), 'content', (content) =>
      keyedContent(content, ids),
    );
  if (type === 'tool-call' || type === 'tool-result') return renumber(part, 'toolCallId', ids);
  if (type !== undefined) return part;
  return IDS_INSIDE.reduce<unknown>(
    (changed, [name, id]) => changeMember(changed, name, (inner) => renumber(inner, id, ids)),
    part,
  );
}

const TOOL_USE = /^(?:server_|mcp_)?tool_use$/;
const TOOL_RESULT = /^(?:\w{1,40}_)?tool_result$/;
const IDS_INSIDE = [
  ['toolUse', 'toolUseId'],
  ['toolResult', 'toolUseId'],
  ['functionCall', 'id'],
  ['functionResponse', 'id'],
] as const;

const keyedTools = (tools: unknown): unknown =>
  Array.isArray(tools)
    ? tools
        .filter((tool) => !isCachePoint(tool))
        .map((tool) => changeMember(withoutMark(tool), 'function', withoutMark))
    : tools;

const TEXT_TYPES: readonly unknown[] = ['text', 'input_text', 'output_text'];

/** The text of a part that has nothing else. */
function textOfTextPart(part: unknown): string | undefined {
  const text = member(part, 'text');
  const isPlain =
    isObject(part) && Object.keys(part).length === 2 && TEXT_TYPES.includes(member(part, 'type'));
  return isPlain && typeof text === 'string' ? text : undefined;
}

const isCachePoint = (part: unknown) =>
  isObject(part) && Object.keys(part).length === 1 && isObject(member(part, 'cachePoint'));

/** Any other value of `cache_control` than an object or null is no mark, and counts. */
function withoutMark(value: unknown): unknown {
  const mark = member(value, 'cache_control');
  if (!isObject(value) || !(isObject(mark) || mark === null)) return value;
  return Object.fromEntries(Object.entries(value).filter(([name]) => name !== 'cache_control'));
}

const renumber = (value: unknown, name: string, ids: Ids): unknown =>
  changeMember(value, name, (id) => (typeof id === 'string' ? numberOf(id, ids) : id));

/** Every id that is a text is replaced, so none that is left can be equal to a number. */
function numberOf(id: string, ids: Ids): string {
  const known = ids.get(id) ?? String(ids.size + 1);
  ids.set(id, known);
  return known;
}

function changeMember(value: unknown, name: string, change: (child: unknown) => unknown): unknown {
  const child = member(value, name);
  return child === undefined ? value : { ...Object(value), [name]: change(child) };
}

const mapItems = (value: unknown, change: (item: unknown) => unknown) =>
  Array.isArray(value) ? value.map(change) : value;
