import {
  type JSONRPCErrorResponse,
  ProtocolErrorCode,
  Server,
  type ServerOptions,
  type Transport,
} from '@modelcontextprotocol/server';
import { describeCause } from '../telemetry/redact.ts';
import type { ServerBinding } from './server-binding.ts';

/**
 * The SDK's server, whose own errors can be traced: an error that the server itself answers with (an unknown method, wrong
 * parameters) was logged by no call of a tool and has no trace id. It gets both here, in every protocol era and on every
 * transport. What is wrong inside the server stays inside: an internal error is answered without its message.
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

  #traced(response: JSONRPCErrorResponse): JSONRPCErrorResponse {
    const { error } = response;
    if (hasTraceId(error.data)) return response;
    const arrival = this.#binding.arrival();
    const internal = error.code === ProtocolErrorCode.InternalError;
    this.#binding.protocolError({
      arrival,
      cause: internal ? describeCause(error.message, undefined, {}) : undefined,
    });
    const message = internal ? 'The request failed.' : error.message;
    return {
      ...response,
      error: { ...error, message, data: withTraceId(error.data, arrival.trace.traceId) },
    };
  }
}

const isRecord = (data: unknown): data is Record<string, unknown> =>
  typeof data === 'object' && data !== null && !Array.isArray(data);

/** Whether an error of JSON-RPC has a trace id. One that has none was made by the SDK, and nobody has logged it. */
export const hasTraceId = (data: unknown): boolean => isRecord(data) && typeof data.trace_id === 'string';

/** The `data` of an error with a trace id; data that is no object has no place for one. */
export const withTraceId = (data: unknown, trace_id: string): unknown =>
  data === undefined || isRecord(data) ? { ...data, trace_id } : data;
