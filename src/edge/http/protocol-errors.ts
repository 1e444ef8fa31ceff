import { hasTraceId, withTraceId } from '../../mcp/answering-server.ts';
import { inOwnWords } from '../../mcp/malformed.ts';
import type { Arrival, ProtocolFailure } from '../../mcp/server-binding.ts';

/**
 * The errors with which the protocol server itself answers one HTTP request. Each becomes one log line.
 *
 * The lines are written when the response is known: they show its status, and a refusal by the tenant, which has a line of
 * its own, can still replace the response. Errors that follow in an event stream are logged at once.
 */
export class ProtocolErrors {
  readonly #log: (status: number, failure: ProtocolFailure) => void;
  #waiting: ProtocolFailure[] = [];
  #status: number | undefined;

  constructor(log: (status: number, failure: ProtocolFailure) => void) {
    this.#log = log;
  }

  report(failure: ProtocolFailure): void {
    if (this.#status === undefined) this.#waiting.push(failure);
    else this.#log(this.#status, failure);
  }

  /** Forgets the errors of a response that is not sent. */
  discard(): void {
    this.#waiting = [];
  }

  /** Logs what was reported, and what is reported from now on, under the status of the response. */
  answered(status: number): void {
    this.#status = status;
    for (const failure of this.#waiting) this.#log(status, failure);
    this.#waiting = [];
  }

  /**
   * Completes a response of the SDK's HTTP layer, which refuses some requests before the protocol server receives them:
   * the error gets a trace id, and the id of the request where the SDK did not read it.
   * @param id the id of the request, if it has one that can be read
   */
  async complete(response: Response, arrival: Arrival, id: string | number | undefined): Promise<Response> {
    const completed =
      response.status >= 400 && isJson(response) ? await this.completeError(response, arrival, id) : response;
    this.answered(completed.status);
    return completed;
  }

  /** Completes a response that holds an error, whatever its status is. */
  async completeError(
    response: Response,
    arrival: Arrival,
    id: string | number | undefined,
  ): Promise<Response> {
    if (response.body === null) return response;
    const body = answered(await response.json());
    if (!hasTraceId(body.error?.data)) {
      this.report({ arrival });
      body.error = { ...body.error, data: withTraceId(body.error?.data, arrival.trace.traceId) };
      body.id ??= id;
    }
    return new Response(JSON.stringify(body), response);
  }
}

const isJson = ({ headers }: Response) =>
  headers.get('content-type')?.startsWith('application/json') ?? false;

/** The body of an error of JSON-RPC, or whatever else it is. */
function answered(body: unknown) {
  const response = Object(body);
  return typeof response.error?.message === 'string' ? inOwnWords(response) : response;
}
