import type { Readable, Writable } from 'node:stream';
import {
  isJSONRPCNotification,
  isJSONRPCRequest,
  isJSONRPCResponse,
  type JSONRPCMessage,
  ProtocolErrorCode,
  parseJSONRPCMessage,
  type RequestId,
  type Transport,
} from '@modelcontextprotocol/server';
import { findJsonProblem } from '../json/bounds.ts';
import { findLossyNumber } from '../json/lossy-number.ts';

/** The largest message, in bytes; as large as the largest body by HTTP. */
export const MAX_MESSAGE_BYTES = 4_194_304;
/** How long requests that came before the end of input may take to be answered. */
const LAST_ANSWERS_MS = 1000;
/** How long a client may read nothing of what waits for it. */
const MAX_STALL_MS = 60_000;

/** Told of the messages that pass. */
export interface Observer {
  /** @returns why a message is not to be served, in one sentence */
  received(message: JSONRPCMessage): string | undefined;
  answered(id: RequestId): void;
  /** The input has ended, and no call is to wait for news any longer. */
  inputEnded(): void;
}

/**
 * JSON-RPC over a pair of streams, one message a line, with the same bounds as by HTTP. What is not a message is answered
 * with an error. Reads no further while the other side does not read what it is sent.
 */
export class StdioTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly #input: Readable;
  readonly #output: Writable;
  readonly #observer: Observer;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
  /** The chunks of the line that has not ended yet. */
  #line: Buffer[] = [];
  #lineBytes = 0;
  #unanswered = new Set<RequestId>();
  readonly #finished = Promise.withResolvers<void>();
  #inputEnded = false;
  #lastAnswers: NodeJS.Timeout | undefined;
  #drained: Promise<void> | undefined;
  #closed = false;

  constructor(input: Readable, output: Writable, observer: Observer) {
    this.#input = input;
    this.#output = output;
    this.#observer = observer;
  }

  async start(): Promise<void> {
    this.#input.on('data', this.#read);
    this.#input.once('end', this.#endOfInput);
    this.#input.once('error', this.#endOfInput);
    this.#output.on('error', this.#outputLost);
  }

  /** Resolves when nothing more can come, and what came is answered. */
  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  /** Resolves when the other side has room for more. */
  async ready(): Promise<void> {
    await this.#drained;
  }

  async send(message: JSONRPCMessage): Promise<void> {
    this.#write(message);
    if (isJSONRPCResponse(message) && message.id !== undefined) this.#answered(message.id);
  }

  #write(message: object): void {
    if (this.#closed) return;
    if (!this.#output.write(`${JSON.stringify(message)}\n`)) this.#waitForRoom();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#lastAnswers);
    this.#input.off('data', this.#read);
    this.#input.pause();
    this.#line = [];
    this.#finished.resolve();
    this.onclose?.();
  }

  #waitForRoom(): void {
    if (this.#drained !== undefined) return;
    this.#input.pause();
    this.#drained = new Promise((resolve) => {
      const go = () => {
        this.#output.off('drain', go);
        this.#output.off('close', go);
        clearTimeout(stalled);
        this.#drained = undefined;
        if (!this.#closed) this.#input.resume();
        resolve();
      };
      this.#output.once('drain', go);
      this.#output.once('close', go);
      // Meanwhile it is not seen that the input ends: a client that reads nothing at all is as good as gone.
      const stalled = setTimeout(this.#finished.resolve, MAX_STALL_MS);
    });
  }

  readonly #read = (chunk: Buffer): void => {
    let rest = chunk;
    for (let end = rest.indexOf(NEWLINE); end !== -1; end = rest.indexOf(NEWLINE)) {
      this.#append(rest.subarray(0, end));
      this.#endLine();
      rest = rest.subarray(end + 1);
    }
    this.#append(rest);
  };

  #append(part: Buffer): void {
    this.#lineBytes += part.byteLength;
    // What is too much is counted, and not kept.
    if (this.#lineBytes > MAX_MESSAGE_BYTES) this.#line = [];
    else if (part.byteLength > 0) this.#line.push(part);
  }

  #endLine(): void {
    const bytes = this.#lineBytes;
    const line = Buffer.concat(this.#line);
    this.#line = [];
    this.#lineBytes = 0;
    if (bytes > MAX_MESSAGE_BYTES)
      this.#refuse(undefined, INVALID, `A message must not exceed ${MAX_MESSAGE_BYTES} bytes.`);
    else if (bytes > 0) this.#take(line);
  }

  #take(line: Buffer): void {
    let text: string;
    let value: unknown;
    try {
      text = this.#decoder.decode(line);
      if (text.trim() === '') return;
      value = JSON.parse(text);
    } catch {
      this.#refuse(undefined, ProtocolErrorCode.ParseError, 'The line is not valid JSON in UTF-8.');
      return;
    }
    const id = idOf(value);
    const unfit = unfitness(value, text);
    if (unfit !== undefined) this.#refuse(id, INVALID, unfit);
    else this.#deliver(value, id);
  }

  #deliver(value: unknown, id: RequestId | undefined): void {
    let message: JSONRPCMessage;
    try {
      message = parseJSONRPCMessage(value);
    } catch {
      this.#refuse(id, INVALID, 'The line is no JSON-RPC message.');
      return;
    }
    const refusal = this.#observer.received(message);
    if (refusal !== undefined) {
      this.#refuse(id, ProtocolErrorCode.InvalidParams, refusal);
      return;
    }
    // A subscription is answered when it ends; waiting for that would be waiting for ever.
    if (isJSONRPCRequest(message) && message.method !== 'subscriptions/listen')
      this.#unanswered.add(message.id);
    if (isJSONRPCNotification(message) && message.method === 'notifications/cancelled') {
      const cancelled = idIn(message.params, 'requestId');
      if (cancelled !== undefined) this.#unanswered.delete(cancelled);
    }
    this.onmessage?.(message);
  }

  #refuse(id: RequestId | undefined, code: number, message: string): void {
    // Null for want of an id (JSON-RPC 2.0, section 5).
    this.#write({ jsonrpc: '2.0', id: id ?? null, error: { code, message } });
  }

  #answered(id: RequestId): void {
    this.#unanswered.delete(id);
    this.#observer.answered(id);
    if (this.#inputEnded && this.#unanswered.size === 0) this.#finished.resolve();
  }

  readonly #endOfInput = (): void => {
    if (this.#inputEnded) return;
    this.#inputEnded = true;
    // The last line needs no end.
    this.#endLine();
    this.#observer.inputEnded();
    if (this.#unanswered.size === 0) this.#finished.resolve();
    else this.#lastAnswers = setTimeout(this.#finished.resolve, LAST_ANSWERS_MS);
  };

  readonly #outputLost = (error: Error): void => {
    this.onerror?.(error);
    this.#finished.resolve();
  };
}

const NEWLINE = 10;
const INVALID = ProtocolErrorCode.InvalidRequest;

/** Why a message of valid JSON cannot be taken, in one sentence. */
function unfitness(value: unknown, text: string): string | undefined {
  const problem = findJsonProblem(value);
  // Ill-formed text is an argument's fault and is refused by the tool's door, which can name the field.
  if (problem !== undefined && problem.problem !== 'ill_formed_text') {
    const what = problem.problem === 'too_deep' ? `${problem.limit} levels` : `${problem.limit} values`;
    return `A message must not have more than ${what}.`;
  }
  const lossy = findLossyNumber(text);
  if (lossy === undefined) return undefined;
  return `The number ${lossy.slice(0, 40)} cannot be held exactly; send it as a string.`;
}

function idIn(value: unknown, member: string): RequestId | undefined {
  const id = typeof value === 'object' && value !== null ? Reflect.get(value, member) : undefined;
  return typeof id === 'string' || typeof id === 'number' ? id : undefined;
}

/** The id of a request, so that its error finds it; an answer's id is not its sender's. */
function idOf(value: unknown): RequestId | undefined {
  const isRequest = typeof value === 'object' && value !== null && 'method' in value;
  return isRequest ? idIn(value, 'id') : undefined;
}
