import { catalogue } from '../../catalogue.ts';
import { listing } from '../../tools/catalogue.ts';
import { ERROR_CODES } from '../../tools/errors.ts';
import { describeFamily, familyOf } from '../../tools/families.ts';
import { jsonSchema } from '../../tools/json-schema.ts';
import { type AnyTool, asksNothing, isRemoteTool } from '../../tools/remote-tool.ts';
import { VERSION } from '../../version.ts';
import { connectionPaths } from '../admin/connections-openapi.ts';
import { approvalPaths, tokenPaths } from '../admin/member-openapi.ts';
import { STATUS_OF_CODE } from '../http/http-errors.ts';
import { problemSchema } from './problem-schema.ts';
import { LAST_EVENT_ID, recordPaths } from './records-openapi.ts';

/** The OpenAPI 3.1 description of the plain HTTP interface, derived from the schemas that validate its calls. */

/** The codes of requests that are refused before a tool runs, by status. */
const REFUSALS = {
  400: ['parse_error', 'invalid_request'],
  401: ['unauthorized', 'invalid_token'],
  403: ['insufficient_scope', 'tool_not_allowed', 'suspended', 'origin_not_allowed'],
  404: ['unknown_tool', 'not_found'],
  408: ['request_timeout'],
  409: ['conflict'],
  413: [],
  415: ['media_type'],
  429: ['quota_exceeded', 'too_many_requests', 'too_many_streams'],
  500: [],
  503: ['misconfigured'],
  507: [],
} as const satisfies Record<number, readonly string[]>;

/** What each status means, in a sentence. */
const MEANING: Readonly<Record<keyof typeof REFUSALS, string>> = {
  400: 'The body or an argument is not valid. `field` names the argument.',
  401: 'The token is missing or not valid.',
  403: 'The token does not allow this. `insufficient_scope` names the missing scope.',
  404: 'The tool, or a handle that was given, does not exist.',
  408: 'The body was not received in time. Send it again.',
  409: 'The request does not fit what is stored, or what is set for the deployment, or a person must approve it first. `detail` says what to do.',
  413: 'The body or a value is too large. `limit` is the maximum.',
  415: 'The body is not application/json.',
  429: 'Too many calls. Wait `retry_after_ms` or Retry-After, then repeat. A quota of calls begins anew at `resets_at`.',
  500: 'The call failed and changed nothing. The operator finds the cause in the log under `error_id`.',
  503: 'Not available now. Try again shortly.',
  507: 'The storage quota is used up. Delete or invalidate entries first.',
};
type Status = keyof typeof REFUSALS;
const STATUSES: readonly Status[] = [400, 401, 403, 404, 408, 409, 413, 415, 429, 500, 503, 507];
const OF_CATALOGUE: readonly Status[] = [401, 403, 429, 500, 503];
const OF_ADMINISTRATION: readonly Status[] = [400, 401, 403, 404, 408, 409, 413, 415, 429, 500, 503];
const OF_RECORDS: readonly Status[] = [400, 401, 403, 404, 429, 500, 503];

function refusal(status: Status) {
  const codes = [...ERROR_CODES.filter((code) => STATUS_OF_CODE[code] === status), ...REFUSALS[status]];
  const waits = status === 429 || status === 503;
  const headers = {
    'Retry-After': { schema: { type: 'integer', minimum: 1 }, description: 'Seconds to wait.' },
  };
  return {
    description: `${MEANING[status]} Codes: ${codes.join(', ')}.`,
    ...(waits ? { headers } : {}),
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  };
}

const refusals = (statuses: readonly Status[]) =>
  Object.fromEntries(statuses.map((status) => [status, { $ref: `#/components/responses/Problem${status}` }]));

const json = (schema: unknown) => ({ 'application/json': { schema } });

const TRACEPARENT = {
  name: 'traceparent',
  in: 'header',
  description: 'Connects the calls of one run in the logs (W3C Trace Context).',
  schema: { type: 'string' },
};

/** A status is sent before the end of the call is known. */
const WAITED =
  'The answer. If the call waits longer than a second, the body begins with white space, and a late error is a ' +
  'Problem in this body: its member `status` is the status that the response would have had.';

function callOf(tool: AnyTool) {
  const { name, title, description } = listing(tool);
  // Programs generate code from this document, so it has the bounds that the list for models leaves out.
  const inputSchema = jsonSchema(tool.input, 'input');
  const grows = !isRemoteTool(tool) && tool.grows;
  const mayWait = isRemoteTool(tool) || 'wait_s' in tool.input.shape;
  return {
    operationId: name,
    tags: [familyOf(tool)],
    summary: title,
    description,
    security: [{ token: tool.scope === 'any' ? [] : [tool.scope] }],
    parameters: [{ $ref: '#/components/parameters/traceparent' }],
    requestBody: { required: true, content: json(inputSchema) },
    responses: {
      200: {
        description: mayWait ? WAITED : 'The answer.',
        content: json(jsonSchema(tool.output, 'output')),
      },
      ...refusals(STATUSES.filter((status) => status !== 507 || grows)),
    },
  };
}

const CATALOGUE = {
  operationId: 'list_tools',
  summary: 'List tools',
  description: 'Lists the tools that the token may call, in the form of tools/list of MCP.',
  parameters: [{ $ref: '#/components/parameters/traceparent' }],
  responses: {
    200: {
      description: 'The tools.',
      content: json({
        type: 'object',
        properties: { tools: { type: 'array', items: { $ref: '#/components/schemas/Tool' } } },
        required: ['tools'],
      }),
    },
    ...refusals(OF_CATALOGUE),
  },
};

const LISTED_TOOL = {
  type: 'object',
  properties: {
    name: { type: 'string' },
    title: { type: 'string' },
    description: { type: 'string' },
    inputSchema: { type: 'object', description: 'JSON Schema of the arguments.' },
    outputSchema: { type: 'object', description: 'JSON Schema of the answer or of an error.' },
    annotations: { type: 'object' },
  },
  required: ['name', 'title', 'description', 'inputSchema', 'outputSchema', 'annotations'],
};

function document() {
  // Only MCP serves tools that ask their caller something.
  const tools = catalogue.tools.filter(asksNothing);
  const calls = tools.map((tool) => [`/v1/tools/${tool.name}`, { post: callOf(tool) }]);
  const families = [...new Set(tools.map(familyOf))];
  return {
    openapi: '3.1.0',
    info: {
      title: 'Bulkhead',
      version: VERSION,
      description:
        'The tools of Bulkhead over plain HTTP: one POST for each call, with the arguments as JSON.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    security: [{ token: [] }],
    tags: [
      ...families.map((name) => ({ name, description: describeFamily(name) })),
      { name: 'records', description: 'What every agent of the tenant did.' },
      { name: 'tokens', description: 'The tokens of the tenant, for a token with `tokens:write`.' },
      { name: 'approvals', description: "Calls that wait for a person's yes." },
      { name: 'connections', description: "How tools reach the tenant's own systems." },
    ],
    paths: {
      '/v1/tools': { get: CATALOGUE },
      ...Object.fromEntries(calls),
      ...recordPaths(refusals(OF_RECORDS)),
      ...connectionPaths(refusals(OF_ADMINISTRATION)),
      ...tokenPaths(refusals(OF_ADMINISTRATION)),
      ...approvalPaths(refusals(OF_ADMINISTRATION)),
    },
    components: {
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'A token of one tenant. Each operation names the scope that it needs.',
        },
      },
      parameters: { traceparent: TRACEPARENT, lastEventId: LAST_EVENT_ID },
      responses: Object.fromEntries(STATUSES.map((status) => [`Problem${status}`, refusal(status)])),
      schemas: { Problem: jsonSchema(problemSchema, 'output'), Tool: LISTED_TOOL },
    },
  };
}

let built: string | undefined;

/** Returns the document as JSON text. It is built on the first request, because converting the schemas is expensive. */
export function openApi(): string {
  built ??= JSON.stringify(document());
  return built;
}
