import { type JSONRPCErrorResponse, ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/server';
import * as z from 'zod';
import { clip } from '../telemetry/redact.ts';

/**
 * What a client is told whose request does not have the parameters of its method: a sentence of ours, and the same as
 * fields. The SDK answers such a request with the report of its validator.
 */

const LOG_LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'] as const;
const anyObject = z.record(z.string(), z.unknown());
const page = z.looseObject({ cursor: z.string().optional() });
const onlyPage = z.looseObject({ cursor: z.undefined().optional() });
const named = z.looseObject({ uri: z.string() });

/** The parameters that a client can get wrong, by method. */
const PARAMS: Readonly<Record<string, z.ZodType>> = {
  initialize: z.looseObject({
    protocolVersion: z.string(),
    capabilities: anyObject,
    clientInfo: z.looseObject({ name: z.string(), version: z.string() }),
  }),
  'tools/call': z.looseObject({ name: z.string(), arguments: anyObject.optional() }),
  'tools/list': onlyPage,
  'resources/list': page,
  'resources/templates/list': onlyPage,
  'prompts/list': onlyPage,
  'prompts/get': z.looseObject({
    name: z.string(),
    arguments: z.record(z.string(), z.string()).optional(),
  }),
  'resources/read': named,
  'resources/subscribe': named,
  'resources/unsubscribe': named,
  'logging/setLevel': z.looseObject({ level: z.enum(LOG_LEVELS) }),
  'completion/complete': z.looseObject({
    ref: z.looseObject({ type: z.enum(['ref/prompt', 'ref/resource']) }),
    argument: z.looseObject({ name: z.string(), value: z.string() }),
  }),
};
const MAX_NAME_CHARS = 64;

/** The error that answers a request whose parameters the SDK has refused. */
export function malformedParams(method: string, params: unknown): ProtocolError {
  const issue = PARAMS[method]?.safeParse(params ?? {}).error?.issues[0];
  const { message, ...fields } = issue === undefined ? unexplained(method) : explained(issue, params);
  const data = { code: 'invalid_input', ...fields };
  return new ProtocolError(ProtocolErrorCode.InvalidParams, message, data);
}

interface Explained {
  readonly message: string;
  readonly field?: string;
  readonly missing?: readonly string[];
  readonly expected?: string;
  readonly allowed?: readonly string[];
}

const unexplained = (method: string): Explained => ({
  message: `The parameters are not those of ${clip(method, MAX_NAME_CHARS)}. Send what its protocol revision describes.`,
});

function explained(issue: z.core.$ZodIssue, params: unknown): Explained {
  const field = ['params', ...issue.path].map(String).join('.');
  if (issue.path.length > 0 && valueAt(params, issue.path) === undefined)
    return { message: `${field} is required.`, field, missing: [field], ...expectedOf(issue) };
  if (issue.code === 'invalid_value') {
    const allowed = issue.values.map(String);
    return { message: `${field} must be one of ${allowed.join(', ')}.`, field, allowed };
  }
  const { expected = 'object' } = expectedOf(issue);
  if (expected === 'undefined')
    return { message: `${field} must be left out: this list has one page.`, field, expected: 'absent' };
  return { message: `${field} must be ${NOUNS[expected] ?? 'of another type'}.`, field, expected };
}

const NOUNS: Readonly<Record<string, string>> = { string: 'a text', object: 'an object' };

function expectedOf(issue: z.core.$ZodIssue): { expected?: string } {
  if (issue.code !== 'invalid_type') return {};
  return { expected: issue.expected === 'record' ? 'object' : issue.expected };
}

const valueAt = (params: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((value, name) => Reflect.get(Object(value), name), params);

const withEnvelope = z.looseObject({ envelope: z.looseObject({ key: z.string() }) });
const ENVELOPE_REPORT = 'Invalid _meta envelope';

/** The error with a sentence of ours where the SDK repeats what its validator says of `_meta`. */
export function inOwnWords<Response extends Pick<JSONRPCErrorResponse, 'error'>>(
  response: Response,
): Response {
  const { error } = response;
  if (!error.message.startsWith(ENVELOPE_REPORT)) return response;
  const key = withEnvelope.safeParse(error.data).data?.envelope.key;
  const field = key === undefined ? 'params._meta' : `params._meta["${clip(key, MAX_NAME_CHARS)}"]`;
  const message = `${field} is missing, or is not what revision 2026-07-28 describes.`;
  return { ...response, error: { ...error, message, data: { code: 'invalid_input', field } } };
}
