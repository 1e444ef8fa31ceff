/**
 * Gives the SDK's stdio transport and this project's one the same input, and prints what each does with it.
 * docs/decisions/stdio-line-transport.md discusses the result. Run it with `node test/bench/stdio-transports.ts`.
 */
import { PassThrough } from 'node:stream';
import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/server';
import { StdioServerTransport } from '@modelcontextprotocol/server/stdio';
import { StdioTransport } from '../../src/local/stdio-transport.ts';

const TRANSPORTS = {
  sdk: (input: PassThrough, output: PassThrough) => new StdioServerTransport(input, output),
  bulkhead: (input: PassThrough, output: PassThrough) =>
    new StdioTransport(input, output, {
      onReceived: () => undefined,
      onAnswered: () => {},
      onInputEnd: () => {},
    }),
};

const ping = (id: number) => `{"jsonrpc":"2.0","id":${id},"method":"ping"}\n`;
const call = (id: number, args: string) =>
  `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"a","arguments":${args}}}\n`;
const immediate = () => new Promise((resolve) => setImmediate(resolve));

class Rig {
  readonly input = new PassThrough();
  readonly output = new PassThrough({ highWaterMark: 1024 });
  readonly received: JSONRPCMessage[] = [];
  readonly transport: Transport;
  isClosed = false;

  constructor(create: (input: PassThrough, output: PassThrough) => Transport) {
    this.transport = create(this.input, this.output);
    this.transport.onmessage = (message) => void this.received.push(message);
    this.transport.onerror = () => {};
    this.transport.onclose = () => {
      this.isClosed = true;
    };
  }

  /** What happens to one line, and to the `ping` after it. */
  async line(line: string | Buffer): Promise<string> {
    for (let at = 0; at < line.length; at += 65_536) {
      this.input.write(line.slice(at, at + 65_536));
      await immediate();
    }
    this.input.write(ping(99));
    for (let turn = 0; turn < 10; turn++) await immediate();
    const answer = String(this.output.read() ?? '').trim();
    const isServed = this.received.some((message) => 'id' in message && message.id === 99);
    const others = this.received.length - (isServed ? 1 : 0);
    const fate = answer === '' ? (others > 0 ? 'delivered' : 'dropped silently') : `answered ${answer}`;
    return `${fate}; the next line is ${isServed ? 'served' : 'lost'}${this.isClosed ? '; transport closed' : ''}`;
  }
}

const SCENARIOS: Readonly<Record<string, (rig: Rig) => Promise<string>>> = {
  'not JSON': (rig) => rig.line('hello\n'),
  'not JSON-RPC, with an id': (rig) => rig.line('{"jsonrpc":"1.0","id":1,"method":"ping"}\n'),
  'a batch': (rig) => rig.line(`[${ping(1).trim()}]\n`),
  'ill-formed UTF-8 in a string': (rig) =>
    rig.line(Buffer.concat([Buffer.from(call(1, '"').trim()), Buffer.of(0xff), Buffer.from('"}}\n')])),
  'the number 12345678901234567890': async (rig) => {
    const fate = await rig.line(call(1, '{"n":12345678901234567890}'));
    const [message] = rig.received;
    return rig.received.length > 1 ? `${fate} as ${JSON.stringify(message).match(/"n":(\d+)/)?.[1]}` : fate;
  },
  '5,000 levels of nesting': (rig) => rig.line(call(1, '['.repeat(5000) + ']'.repeat(5000))),
  'a request of 11 MiB': (rig) => rig.line(call(1, `"${'x'.repeat(11 * 1024 * 1024)}"`)),
  'time for a request of 4 MB in pieces of 64 KiB': async (rig) => {
    const from = performance.now();
    const fate = await rig.line(call(1, `"${'x'.repeat(4_000_000)}"`));
    return `${Math.round(performance.now() - from)} ms; ${fate}`;
  },
  'input while the client does not read': async (rig) => {
    void rig.transport.send({ jsonrpc: '2.0', method: 'x'.repeat(2000) });
    for (let id = 0; id < 1000; id++) {
      rig.input.write(ping(id));
      await immediate();
    }
    return `${rig.received.length} of 1000 requests read and started`;
  },
  'the last line has no newline': async (rig) => {
    rig.input.end(ping(1).trim());
    for (let turn = 0; turn < 10; turn++) await immediate();
    return rig.received.length === 1 ? 'served' : 'lost';
  },
  'the input ends while a request is pending': async (rig) => {
    rig.input.end(ping(1));
    for (let turn = 0; turn < 10; turn++) await immediate();
    const closed = rig.isClosed;
    await rig.transport.send({ jsonrpc: '2.0', id: 1, result: {} }).catch(() => {});
    const answer = String(rig.output.read() ?? '').trim();
    return `${closed ? 'closed at once' : 'stays open'}; the answer is ${answer === '' ? 'lost' : 'written'}`;
  },
};

for (const [what, scenario] of Object.entries(SCENARIOS)) {
  console.log(`\n${what}`);
  for (const [name, create] of Object.entries(TRANSPORTS)) {
    const rig = new Rig(create);
    await rig.transport.start();
    console.log(`  ${name.padEnd(8)} ${(await scenario(rig)).slice(0, 230)}`);
  }
}
process.exit();
