import type { Readable, Writable } from 'node:stream';
import {
  isJSONRPCErrorResponse,
  isJSONRPCNotification,
  isJSONRPCRequest,
  isJSONRPCResponse,
  type JSONRPCMessage,
  ProtocolErrorCode,
  parseJSONRPCMessage,
  type RequestId,
  type Transport,
} from '@modelcontextprotocol/server';
import { toJsonLine } from '../json/json-line.ts';
import { findJsonProblem } from '../json/json-problem.ts';
import { LineSplitter } from '../json/lines.ts';
import { withInexactMarked } from '../json/marked-numbers.ts';
import { readableId } from '../json/rpc-id.ts';
import { withObjectArguments } from '../mcp/call-arguments.ts';
import { hasInexactEnvelope, INEXACT_ENVELOPE } from '../mcp/inexact-numbers.ts';
import { inOwnWords } from '../mcp/malformed.ts';

/** The largest message, in bytes: the same as the largest HTTP body by default. */
export const MAX_MESSAGE_BYTES = 4_194_304;
/** How long requests that are pending at the end of input may take. */
const LAST_ANSWERS_MS = 1000;
/** How long output may wait for a client that reads nothing, before the client counts as gone. */
const MAX_STALL_MS = 60_000;

/** Callbacks of the transport, beside those of the SDK. */
export interface TransportObserver {
  /** @returns why a message must be refused; undefined if it can be served */
  onReceived(message: JSONRPCMessage): string | undefined;
  /** The request with this id has been answered. */
  onAnswered(id: RequestId): void;
  /** The input has ended; pending calls should be answered at once. */
  onInputEnd(): void;
}

/**
 * MCP's stdio transport on a pair of streams, one JSON-RPC message per line.
 *
 * Guarantees: every line that is not a valid message is answered with an error, with the id of its request where it can
 * be found, and the next line is served. The limits on size, depth and numbers are those of HTTP. Input is read only
 * while the client reads the output, so memory is bounded. At the end of input, all pending requests are answered
 * before `finished` resolves.
 * Ends (`finished`) when the input has ended and all is answered or one second has passed, when the output fails, or
 * when the client has read nothing for a minute.
 * The SDK's transport does none of this: docs/decisions/stdio-line-transport.md.
 */
export class StdioTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly #input: Readable;
  readonly #output: Writable;
  readonly #observer: TransportObserver;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
  readonly #lines = new LineSplitter(
    {
      onLine: (line) => this.#onLine(line),
      onOversizedLine: (id) => this.#onOversizedLine(id),
    },
    MAX_MESSAGE_BYTES,
  );
  readonly #pending = new Set<RequestId>();
  readonly #finished = Promise.withResolvers<void>();
  #inputEnded = false;
  #lastAnswersTimer: NodeJS.Timeout | undefined;
  #draining: Promise<void> | undefined;
  #isClosed = false;

  constructor(input: Readable, output: Writable, observer: TransportObserver) {
    this.#input = input;
    this.#output = output;
    this.#observer = observer;
  }

  async start(): Promise<void> {
    this.#input.on('data', this.#onData);
    this.#input.once('end', this.#onInputEnd);
    this.#input.once('error', this.#onInputEnd);
    this.#output.on('error', this.#onOutputError);
  }

  /** Resolves when nothing more can arrive and everything is answered. */
  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  /** Resolves when the client can be sent more. */
  async whenWritable(): Promise<void> {
    await this.#draining;
  }

  async send(message: JSONRPCMessage): Promise<void> {
    this.#write(isJSONRPCErrorResponse(message) ? inOwnWords(message) : message);
    if (isJSONRPCResponse(message) && message.id !== undefined) this.#onAnswered(message.id);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#lastAnswersTimer);
    this.#input.off('data', this.#onData);
    this.#input.pause();
    this.#lines.discard();
    this.#finished.resolve();
    this.onclose?.();
  }

  #write(message: object): void {
    if (this.#isClosed) return;
    if (!this.#output.write(`${toJsonLine(message)}\n`)) this.#pauseUntilDrained();
  }

  #pauseUntilDrained(): void {
    if (this.#draining !== undefined) return;
    this.#input.pause();
    this.#draining = new Promise((resolve) => {
      const onDrained = () => {
        this.#output.off('drain', onDrained);
        this.#output.off('close', onDrained);
        clearTimeout(stalled);
        this.#draining = undefined;
        if (!this.#isClosed) this.#input.resume();
        resolve();
      };
      this.#output.once('drain', onDrained);
      this.#output.once('close', onDrained);
      // The end of paused input is not noticed, so without this a client that stopped reading would keep the process.
      const stalled = setTimeout(this.#finished.resolve, MAX_STALL_MS);
    });
  }

  readonly #onData = (chunk: Buffer): void => this.#lines.push(chunk);

  #onLine(line: Buffer): void {
    let text: string;
    let value: unknown;
    try {
      text = this.#decoder.decode(line);
      if (text.trim() === '') return;
      value = JSON.parse(text);
    } catch {
      this.#sendError(undefined, ProtocolErrorCode.ParseError, 'The line is not valid JSON in UTF-8.');
      return;
    }
    const violation = limitViolation(value);
    const message = violation === undefined ? (withInexactMarked(text) ?? value) : value;
    const id = requestIdOf(message);
    if (violation !== undefined) this.#sendError(id, INVALID_REQUEST, violation);
    else if (hasInexactEnvelope(message)) this.#sendError(id, INVALID_REQUEST, INEXACT_ENVELOPE);
    else this.#deliver(withObjectArguments(message), id);
  }

  #onOversizedLine(id: RequestId | undefined): void {
    const sentence = `A message must not exceed ${MAX_MESSAGE_BYTES} bytes. Send less in one call.`;
    this.#sendError(id, INVALID_REQUEST, sentence, { code: 'too_large', limit: MAX_MESSAGE_BYTES });
    this.onerror?.(new Error(sentence));
  }

  #deliver(value: unknown, id: RequestId | undefined): void {
    let message: JSONRPCMessage;
    try {
      message = parseJSONRPCMessage(value);
    } catch {
      this.#sendError(id, INVALID_REQUEST, 'The line is not a JSON-RPC message.');
      return;
    }
    const refusal = this.#observer.onReceived(message);
    if (refusal !== undefined) {
      this.#sendError(id, ProtocolErrorCode.InvalidParams, refusal);
      return;
    }
    // A subscription is answered when it is cancelled, so it does not delay the end.
    if (isJSONRPCRequest(message) && message.method !== 'subscriptions/listen') this.#pending.add(message.id);
    if (isJSONRPCNotification(message) && message.method === 'notifications/cancelled') {
      const cancelled = idMember(message.params, 'requestId');
      if (cancelled !== undefined) this.#pending.delete(cancelled);
    }
    this.onmessage?.(message);
  }

  /** An error without an id is one of a request whose id cannot be read (MCP, schema of JSONRPCErrorResponse). */
  #sendError(id: RequestId | undefined, code: number, message: string, data?: object): void {
    this.#write({ jsonrpc: '2.0', id, error: { code, message, data } });
  }

  #onAnswered(id: RequestId): void {
    this.#pending.delete(id);
    this.#observer.onAnswered(id);
    if (this.#inputEnded && this.#pending.size === 0) this.#finished.resolve();
  }

  readonly #onInputEnd = (): void => {
    if (this.#inputEnded) return;
    this.#inputEnded = true;
    // A last line without a newline is served as well.
    this.#lines.endLine();
    this.#observer.onInputEnd();
    if (this.#pending.size === 0) this.#finished.resolve();
    else this.#lastAnswersTimer = setTimeout(this.#finished.resolve, LAST_ANSWERS_MS);
  };

  readonly #onOutputError = (error: Error): void => {
    this.onerror?.(error);
    this.#finished.resolve();
  };
}

const INVALID_REQUEST = ProtocolErrorCode.InvalidRequest;

/** Why a message of valid JSON cannot be accepted. */
function limitViolation(value: unknown): string | undefined {
  const problem = findJsonProblem(value);
  // Ill-formed Unicode is reported by the check of the tool's arguments, which can name the field.
  if (problem === undefined || !('limit' in problem)) return undefined;
  const what = problem.problem === 'too_deep' ? `${problem.limit} levels` : `${problem.limit} values`;
  return `A message must not have more than ${what}.`;
}

function idMember(value: unknown, name: string): RequestId | undefined {
  return readableId(typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined);
}

/** The id of a request. That of a response names a request of the server, so an error must not carry it. */
function requestIdOf(value: unknown): RequestId | undefined {
  const isRequest = typeof value === 'object' && value !== null && 'method' in value;
  return isRequest ? idMember(value, 'id') : undefined;
}
