import type { LabelName } from '../telemetry/metrics/metrics.ts';
import type { CallOutcome, Refusal } from '../tenant/contract/call.ts';
import { PERIODS } from '../tenant/contract/period.ts';
import type { Catalogue } from '../tools/catalogue.ts';
import { ERROR_CODES } from '../tools/errors.ts';
import { SCOPES } from '../tools/families.ts';

/** The values that each label can have. What is not listed counts as `other`, so that no caller can make a series. */

export const OTHER = 'other';
/** A label that says nothing about a series. */
const NONE = '';

const OUTCOMES = [
  'answer',
  'error',
  'refused',
  'unknown_tool',
  'deferred',
] as const satisfies readonly CallOutcome['kind'][];
const REASONS = [
  'invalid_token',
  'suspended',
  'insufficient_scope',
  'tool_not_allowed',
  'unknown_session',
  'too_many_requests',
  'unavailable',
] as const satisfies readonly Refusal['reason'][];

/** Codes of requests that the edge refuses, beside those of tools and of the tenant. */
const HTTP_CODES = [
  'unauthorized',
  'not_found',
  'method_not_allowed',
  'not_acceptable',
  'host_not_allowed',
  'origin_not_allowed',
  'media_type',
  'parse_error',
  'invalid_request',
  'request_timeout',
  'unknown_family',
  'misconfigured',
  'conflict',
  'protocol',
];
const STATUSES = [200, 400, 401, 403, 404, 405, 406, 408, 409, 413, 415, 421, 429, 500, 503, 507];

/** The requests of MCP that a client can send, of all protocol revisions that are served. */
const METHODS = [
  'initialize',
  'ping',
  'server/discover',
  'tools/list',
  'tools/call',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'prompts/list',
  'prompts/get',
  'completion/complete',
  'logging/setLevel',
  'subscriptions/listen',
];
/** Codes of JSON-RPC and of MCP. */
const RPC_CODES = [-32700, -32600, -32601, -32602, -32603, -32000, -32001, -32002, -32003, -32004, -32042];

const setOf = (...lists: readonly (readonly (string | number)[])[]): ReadonlySet<string> =>
  new Set([NONE, OTHER, ...lists.flat().map(String)]);

export type ClosedLabels = Readonly<Record<Exclude<LabelName, 'tenant'>, ReadonlySet<string>>>;

export function closedLabels(catalogue: Pick<Catalogue, 'all'>): ClosedLabels {
  const tools = setOf(
    catalogue.all.map(({ name }) => name),
    // Names that no tool has, and requests that call none.
    ['unknown', 'request'],
  );
  return {
    tool: tools,
    gen_ai_tool_name: tools,
    outcome: setOf(OUTCOMES),
    code: setOf(ERROR_CODES, REASONS, HTTP_CODES, ['unknown_tool']),
    scope: setOf(['tenant', 'tool'], PERIODS, SCOPES),
    status: setOf(STATUSES),
    reporter: setOf(['tenant', 'edge']),
    mcp_method_name: setOf(METHODS),
    error_type: setOf(ERROR_CODES, REASONS, RPC_CODES, ['unknown_tool']),
  };
}
