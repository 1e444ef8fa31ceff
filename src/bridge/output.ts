import type { Writable } from 'node:stream';
import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/client';
import type { RpcError } from './failure.ts';

/** The way to the client: one message a line, and nothing else. */
export class Output {
  readonly #stream: Writable;
  #draining: Promise<void> | undefined;

  /** `gone` is told once the client reads no more. */
  constructor(stream: Writable, gone: () => void) {
    this.#stream = stream;
    stream.on('error', gone);
    stream.on('close', gone);
  }

  send(message: JSONRPCMessage): void {
    this.#write(message);
  }

  /** Answers a request with an error; `id` is null when it cannot be told which one it was. */
  sendError(id: RequestId | null, error: RpcError): void {
    this.#write({ jsonrpc: '2.0', id, error });
  }

  #write(message: object): void {
    if (!this.#stream.writable) return;
    if (this.#stream.write(`${JSON.stringify(message)}\n`)) return;
    this.#draining ??= new Promise((resolve) => {
      const drained = () => {
        this.#stream.off('drain', drained).off('close', drained);
        this.#draining = undefined;
        resolve();
      };
      this.#stream.on('drain', drained).on('close', drained);
    });
  }

  /** Resolves once the client has read enough to be sent more. */
  async drained(): Promise<void> {
    await this.#draining;
  }
}

const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
const MAX_LINE_CHARS = 600;

/** What people are told: one sentence a line, never the token, and never the same sentence twice in a row. */
export class Report {
  readonly #stream: Writable;
  readonly #secret: string;
  #last = '';

  constructor(stream: Writable, secret: string) {
    this.#stream = stream;
    this.#secret = secret;
  }

  say(sentence: string): void {
    const line = sentence.replaceAll(this.#secret, '…').replace(UNPRINTABLE, ' ').slice(0, MAX_LINE_CHARS);
    if (line === this.#last) return;
    this.#last = line;
    this.#stream.write(`bulkhead: ${line}\n`);
  }

  /** What was said is no longer so: it is worth saying again when it comes back. */
  forget(): void {
    this.#last = '';
  }
}
