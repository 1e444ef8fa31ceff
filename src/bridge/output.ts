import type { Writable } from 'node:stream';
import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/client';
import { toJsonLine } from '../json/json-line.ts';
import type { RpcError } from './failure.ts';
import type { TokenSource } from './tokens.ts';

/** stdout: protocol messages to the client, one a line, and nothing else. */
export class ClientOutput {
  readonly #stream: Writable;
  #draining: Promise<void> | undefined;

  /** @param onClosed called when the client no longer reads */
  constructor(stream: Writable, onClosed: () => void) {
    this.#stream = stream;
    stream.on('error', onClosed);
    stream.on('close', onClosed);
  }

  send(message: JSONRPCMessage): void {
    this.#write(message);
  }

  /** @param id undefined when the id of the request cannot be read (MCP, schema of JSONRPCErrorResponse) */
  sendError(id: RequestId | undefined, error: RpcError): void {
    this.#write({ jsonrpc: '2.0', id, error });
  }

  /** Resolves when the client has read enough for more to be sent, or has gone. */
  async whenDrained(): Promise<void> {
    await this.#draining;
  }

  #write(message: object): void {
    if (!this.#stream.writable || this.#stream.write(`${toJsonLine(message)}\n`)) return;
    this.#draining ??= new Promise((resolve) => {
      const onDrained = () => {
        this.#stream.off('drain', onDrained).off('close', onDrained);
        this.#draining = undefined;
        resolve();
      };
      this.#stream.on('drain', onDrained).on('close', onDrained);
    });
  }
}

const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
const MAX_LINE_CHARS = 600;

/**
 * stderr: what went wrong, one sentence a line. The token is removed, and a line is not repeated directly after itself.
 */
export class Diagnostics {
  readonly #stream: Writable;
  readonly #tokens: Pick<TokenSource, 'hide'>;
  #lastLine = '';

  constructor(stream: Writable, tokens: Pick<TokenSource, 'hide'>) {
    this.#stream = stream;
    this.#tokens = tokens;
  }

  report(sentence: string): void {
    const line = this.#tokens.hide(sentence).replace(UNPRINTABLE, ' ').slice(0, MAX_LINE_CHARS);
    if (line === this.#lastLine) return;
    this.#lastLine = line;
    this.#stream.write(`bulkhead: ${line}\n`);
  }

  reportRetry({ message }: Error): void {
    this.report(`${message} Connecting again.`);
  }

  /** A call has succeeded since: the same problem is reported again if it returns. */
  allowRepeat(): void {
    this.#lastLine = '';
  }
}
