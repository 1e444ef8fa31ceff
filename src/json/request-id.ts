import { withInexactMarked } from './marked-numbers.ts';
import { type RpcId, readableId } from './rpc-id.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const SPACE = 0x20;

/** An id has at most 256 characters, each of at most six bytes with its escape. */
const MAX_CAPTURED = 2_048;

/**
 * Finds the id of a JSON-RPC request that is too large to be parsed, wherever the id stands in it. The bytes are passed over
 * once, in any pieces, and none but those of the id and of the names of members are kept.
 */
export class RequestIdFinder {
  /** How many objects and lists are open. */
  #depth = 0;
  #isObject = false;
  #inString = false;
  #isEscaped = false;
  /** What is read at depth 1: the name of a member, or its value. */
  #part: 'name' | 'value' = 'name';
  #name = '';
  #captured: number[] = [];
  #hasMethod = false;
  #id: RpcId | undefined;

  /** The id, once it and `method` have been seen: only requests have a method, and the id of a response is not its client's. */
  get id(): RpcId | undefined {
    return this.#hasMethod ? this.#id : undefined;
  }

  push(bytes: Uint8Array): void {
    // Each is searched again only when it is behind, so that all searches together pass over the bytes once.
    let quote = -1;
    let backslash = -1;
    for (let at = 0; at < bytes.length; ) {
      let to = at + 1;
      if (!this.#inString) {
        this.#outside(bytes[at] ?? SPACE);
      } else if (this.#isEscaped) {
        this.#isEscaped = false;
        this.#capture(bytes, at, to);
      } else {
        if (quote < at) quote = indexFrom(bytes, QUOTE, at);
        if (backslash < at) backslash = indexFrom(bytes, BACKSLASH, at);
        this.#isEscaped = backslash < quote;
        this.#inString = this.#isEscaped || quote === bytes.length;
        to = Math.min(quote, backslash, bytes.length - 1) + 1;
        this.#capture(bytes, at, to);
      }
      at = to;
    }
  }

  #outside(byte: number): void {
    switch (byte) {
      case QUOTE:
        this.#inString = true;
        break;
      case OPEN_BRACE:
      case OPEN_BRACKET:
        if (this.#depth === 0) this.#isObject = byte === OPEN_BRACE;
        this.#depth++;
        return;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        if (this.#depth === 1) this.#endValue();
        this.#depth--;
        return;
      case COMMA:
        if (this.#depth === 1) this.#endValue();
        return;
      case COLON:
        if (this.#depth === 1) this.#endName();
        return;
    }
    if (byte > SPACE) this.#capture(Uint8Array.of(byte), 0, 1);
  }

  #capture(bytes: Uint8Array, from: number, to: number): void {
    if (this.#depth !== 1 || (this.#part === 'value' && this.#name !== 'id')) return;
    const room = Math.max(0, MAX_CAPTURED - this.#captured.length);
    for (const byte of bytes.subarray(from, Math.min(to, from + room))) this.#captured.push(byte);
  }

  #endName(): void {
    const name = this.#taken();
    this.#name = typeof name === 'string' ? name : '';
    this.#hasMethod ||= this.#isObject && this.#name === 'method';
    this.#part = 'value';
  }

  #endValue(): void {
    const value = this.#taken();
    if (this.#isObject && this.#part === 'value' && this.#name === 'id') this.#id = readableId(value);
    this.#part = 'name';
    this.#name = '';
  }

  /** What was captured, as the JSON value that it is. A number that JavaScript would round is none. */
  #taken(): unknown {
    const list = `[${new TextDecoder().decode(Uint8Array.from(this.#captured))}]`;
    this.#captured = [];
    try {
      const [value] = (withInexactMarked(list) ?? JSON.parse(list)) as unknown[];
      return value;
    } catch {
      return undefined;
    }
  }
}

/** The index of the next such byte; the length if there is none. */
function indexFrom(bytes: Uint8Array, byte: number, from: number): number {
  const found = bytes.indexOf(byte, from);
  return found === -1 ? bytes.length : found;
}
