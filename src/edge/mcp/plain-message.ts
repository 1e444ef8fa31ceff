import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  PROTOCOL_VERSION_META_KEY,
  TRACEPARENT_META_KEY,
  TRACESTATE_META_KEY,
} from '@modelcontextprotocol/server';
import type { TraceHeaders } from '../../telemetry/trace.ts';

/**
 * Recognises a `tools/call` of which every member is known. Anything else is left to the SDK, whose schemas say what is wrong
 * with it. Written by hand, because a schema took a twentieth of the CPU of a call, and most of what it made was garbage.
 */

export const REVISION_2026 = '2026-07-28';

/** The call of a tool, as its message states it. */
export interface PlainMessage {
  readonly id: string | number;
  readonly name: string;
  readonly args: Record<string, unknown>;
  readonly trace: TraceHeaders;
  /** Only a message of 2026-07-28 names its client. */
  readonly client: { readonly name: string; readonly version: string } | undefined;
}

type Members = Readonly<Record<string, unknown>>;

const MESSAGE = new Set(['jsonrpc', 'id', 'method', 'params']);
const PARAMS = new Set(['name', 'arguments', '_meta']);
const META_2025 = new Set([TRACEPARENT_META_KEY, TRACESTATE_META_KEY, 'progressToken']);
const META_2026 = new Set([
  ...META_2025,
  PROTOCOL_VERSION_META_KEY,
  CLIENT_INFO_META_KEY,
  CLIENT_CAPABILITIES_META_KEY,
]);
const CLIENT = new Set(['name', 'version', 'title']);
const CAPABILITIES = new Set(['sampling', 'elicitation', 'roots']);
const NONE: ReadonlySet<string> = new Set();
const NO_META: Members = {};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Whether a value is an object that has no other members than these. */
function hasOnly(value: unknown, names: ReadonlySet<string>): value is Members {
  return isObject(value) && Object.keys(value).every((name) => names.has(name));
}

const isOptionalText = (value: unknown): value is string | undefined =>
  value === undefined || typeof value === 'string';
const isId = (value: unknown): value is string | number =>
  typeof value === 'string' || Number.isSafeInteger(value);

/** A call of the 2025 revisions; undefined for anything that has members which are not known here. */
export function plainMessage2025(message: unknown): PlainMessage | undefined {
  return read(message, META_2025, (meta) => (meta === undefined ? NO_META : meta));
}

/** The same for 2026-07-28. */
export function plainMessage2026(message: unknown): PlainMessage | undefined {
  return read(message, META_2026, (meta) => (meta !== undefined && isMeta2026(meta) ? meta : undefined));
}

function read(
  message: unknown,
  metaNames: ReadonlySet<string>,
  checkMeta: (meta: Members | undefined) => Members | undefined,
): PlainMessage | undefined {
  if (!hasOnly(message, MESSAGE) || message.jsonrpc !== '2.0' || message.method !== 'tools/call')
    return undefined;
  const { id, params } = message;
  if (!isId(id) || !hasOnly(params, PARAMS)) return undefined;
  const { name, arguments: args = {}, _meta: stated } = params;
  // The SDK drops an argument named `__proto__`, so such a call is left to it.
  if (typeof name !== 'string' || !isObject(args) || Object.hasOwn(args, '__proto__')) return undefined;
  if (stated !== undefined && !hasOnly(stated, metaNames)) return undefined;
  const meta = checkMeta(stated);
  if (meta === undefined) return undefined;
  const {
    [TRACEPARENT_META_KEY]: traceparent,
    [TRACESTATE_META_KEY]: tracestate,
    [CLIENT_INFO_META_KEY]: client,
    progressToken,
  } = meta;
  if (!isOptionalText(traceparent) || !isOptionalText(tracestate)) return undefined;
  if (progressToken !== undefined && !isId(progressToken)) return undefined;
  return {
    id,
    name,
    args,
    trace: { traceparent, tracestate },
    client: isClient(client) ? client : undefined,
  };
}

function isMeta2026(meta: Members): boolean {
  const { [CLIENT_INFO_META_KEY]: client, [CLIENT_CAPABILITIES_META_KEY]: capabilities } = meta;
  if (meta[PROTOCOL_VERSION_META_KEY] !== REVISION_2026 || !isClient(client)) return false;
  return (
    hasOnly(capabilities, CAPABILITIES) &&
    Object.values(capabilities).every((capability) => hasOnly(capability, NONE))
  );
}

const isClient = (value: unknown): value is { name: string; version: string } =>
  hasOnly(value, CLIENT) &&
  typeof value.name === 'string' &&
  typeof value.version === 'string' &&
  isOptionalText(value.title);
