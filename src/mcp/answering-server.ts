import {
  type JSONRPCErrorResponse,
  type JSONRPCRequest,
  ProtocolError,
  ProtocolErrorCode,
  type Result,
  Server,
  type ServerContext,
  type ServerOptions,
  type Transport,
} from '@modelcontextprotocol/server';
import { describeCause } from '../telemetry/redact.ts';
import { UNKNOWN_TOOL } from '../tenant/calls/call-record.ts';
import { inOwnWords, malformedParams } from './malformed.ts';
import { type MessageOutcome, outcomeOfResult, outcomeOfRpcError } from './message-end.ts';
import { callerOf, type ServerBinding } from './server-binding.ts';

type Handler = (request: JSONRPCRequest, context: ServerContext) => Promise<Result>;

/**
 * The SDK's server, whose own errors can be traced: an error that the server itself answers with (an unknown method, wrong
 * parameters) was logged by no call of a tool and has no trace id. It gets both here, in every protocol era and on every
 * transport.
 *
 * This is also the error boundary of the protocol: whatever a handler throws that is no `ProtocolError` is answered without
 * its message, which is in the log only.
 */
export class AnsweringServer extends Server {
  readonly #binding: ServerBinding;

  constructor(info: ConstructorParameters<typeof Server>[0], options: ServerOptions, binding: ServerBinding) {
    super(info, options);
    this.#binding = binding;
  }

  override async connect(transport: Transport): Promise<void> {
    const send = transport.send.bind(transport);
    transport.send = (message, options) =>
      send('error' in message ? this.#traced(message) : message, options);
    await super.connect(transport);
  }

  protected override _wrapHandler(method: string, handler: Handler): Handler {
    const wrapped = super._wrapHandler(method, handler);
    return async (request, context) => {
      try {
        const result = await wrapped(request, context);
        this.#report(request, context, () => outcomeOfResult(method, result));
        return result;
      } catch (thrown) {
        const error = this.#answerable(thrown, request, context);
        if (error instanceof ProtocolError)
          this.#report(request, context, () => outcomeOfRpcError(error.code));
        throw error;
      }
    };
  }

  /** What a request is answered with whose handler has thrown. */
  #answerable(thrown: unknown, { method, params }: JSONRPCRequest, context: ServerContext): unknown {
    // Nobody waits for the answer to a request that was cancelled.
    if (context.mcpReq.signal.aborted) return thrown;
    if (isValidatorReport(thrown)) return malformedParams(method, params);
    return thrown instanceof ProtocolError ? thrown : this.#internal(thrown);
  }

  #report(request: JSONRPCRequest, { mcpReq }: ServerContext, outcome: () => MessageOutcome): void {
    const { messageEnded } = this.#binding;
    if (messageEnded === undefined) return;
    const { method, params } = request;
    messageEnded({
      method,
      id: mcpReq.id,
      caller: callerOf(this.#binding, this, mcpReq),
      tool: method === 'tools/call' ? this.#publishedTool(params?.name) : undefined,
      uri: typeof params?.uri === 'string' ? params.uri : undefined,
      outcome: outcome(),
    });
  }

  #publishedTool(name: unknown): string {
    const { tools, toolFilter } = this.#binding;
    return tools.find(String(name), toolFilter)?.name ?? UNKNOWN_TOOL.name;
  }

  #internal(thrown: unknown): ProtocolError {
    const arrival = this.#binding.arrival();
    this.#binding.protocolError({ arrival, cause: describeCause(thrown, undefined, {}) });
    const data = { trace_id: arrival.trace.traceId };
    return new ProtocolError(ProtocolErrorCode.InternalError, 'The request failed.', data);
  }

  #traced(sent: JSONRPCErrorResponse): JSONRPCErrorResponse {
    const response = inOwnWords(sent);
    const { error } = response;
    if (hasTraceId(error.data)) return response;
    const arrival = this.#binding.arrival();
    this.#binding.protocolError({ arrival });
    return { ...response, error: { ...error, data: withTraceId(error.data, arrival.trace.traceId) } };
  }
}

/** How the SDK begins the message of an error that goes on with what its validator says. */
const REPORT = /^Invalid (?:params for |[a-z]+\/[a-zA-Z]+ request: )/;

/** Whether an error tells that parameters do not fit a schema: by such a message, or by the list of issues as JSON. */
function isValidatorReport(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false;
  if (thrown instanceof ProtocolError) return REPORT.test(thrown.message);
  return thrown.message.startsWith('[') && thrown.message.includes('"path"');
}

const isRecord = (data: unknown): data is Record<string, unknown> =>
  typeof data === 'object' && data !== null && !Array.isArray(data);

/** Whether an error of JSON-RPC has a trace id. One that has none was made by the SDK, and nobody has logged it. */
export const hasTraceId = (data: unknown): boolean => isRecord(data) && typeof data.trace_id === 'string';

/** The `data` of an error with a trace id; data that is no object has no place for one. */
export const withTraceId = (data: unknown, trace_id: string): unknown =>
  data === undefined || isRecord(data) ? { ...data, trace_id } : data;
