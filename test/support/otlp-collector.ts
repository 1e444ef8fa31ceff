import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import * as z from 'zod';

const anyValue = z.union([
  z.strictObject({ stringValue: z.string() }),
  z.strictObject({ intValue: z.string().regex(/^-?\d+$/) }),
  z.strictObject({ doubleValue: z.number() }),
]);
const attributes = z.array(z.strictObject({ key: z.string(), value: anyValue }));
const id = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`));
const span = z.strictObject({
  traceId: id(16),
  spanId: id(8),
  parentSpanId: id(8).optional(),
  traceState: z.string().optional(),
  name: z.string().min(1),
  kind: z.int().min(1).max(3),
  startTimeUnixNano: z.string().regex(/^\d{19}$/),
  endTimeUnixNano: z.string().regex(/^\d{19}$/),
  attributes,
  links: z.array(z.strictObject({ traceId: id(16), spanId: id(8) })).optional(),
  status: z.strictObject({ code: z.literal(2).optional() }),
});
/** `ExportTraceServiceRequest` in JSON, as far as this server sends it. */
export const traceExport = z.strictObject({
  resourceSpans: z.array(
    z.strictObject({
      resource: z.strictObject({ attributes }),
      scopeSpans: z.array(
        z.strictObject({
          scope: z.strictObject({ name: z.string(), version: z.string() }),
          spans: z.array(span),
        }),
      ),
    }),
  ),
});

/** A span as the collector received it, with its attributes as an object of texts. */
export interface ReceivedSpan extends Omit<z.infer<typeof span>, 'attributes'> {
  readonly attributes: Readonly<Record<string, string>>;
}

/** How a collector behaves towards the next exports. */
export type CollectorMode =
  | 'ok'
  | 'resetting'
  | 'silent'
  | { readonly status: number; readonly headers?: Record<string, string> };

const toObject = (list: z.infer<typeof attributes>) =>
  Object.fromEntries(list.map(({ key, value }) => [key, String(Object.values(value)[0])]));

/** An OpenTelemetry collector on a loopback port, which refuses what is not OTLP. */
export class OtlpCollector {
  mode: CollectorMode = 'ok';
  readonly spans: ReceivedSpan[] = [];
  readonly bodies: string[] = [];
  readonly headers: IncomingMessage['headers'][] = [];
  resource: Readonly<Record<string, string>> = {};
  /** Requests, also those that were not answered. */
  posts = 0;
  readonly #server: Server;
  #changed: () => void = () => undefined;

  private constructor() {
    this.#server = createServer((request, response) => void this.#receive(request, response));
  }

  static async start(port = 0): Promise<OtlpCollector> {
    const collector = new OtlpCollector();
    await new Promise<void>((resolve) => collector.#server.listen(port, '127.0.0.1', resolve));
    return collector;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the collector has no port');
    return `http://127.0.0.1:${address.port}`;
  }

  /** Resolves when the spans received so far satisfy the condition. */
  async until<T>(find: (spans: readonly ReceivedSpan[]) => T | undefined): Promise<T> {
    for (;;) {
      const found = find(this.spans);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  /** Resolves when so many requests have come, however they were answered. */
  async untilPosted(posts: number): Promise<void> {
    while (this.posts < posts)
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
  }

  stop(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.posts++;
    this.#changed();
    if (this.mode === 'resetting') return void request.socket.destroy();
    let body = '';
    for await (const chunk of request) body += String(chunk);
    if (this.mode === 'silent') return;
    if (typeof this.mode === 'object')
      return void response.writeHead(this.mode.status, this.mode.headers).end();
    const parsed = traceExport.safeParse(JSON.parse(body));
    if (request.url !== '/v1/traces' || !parsed.success) return void response.writeHead(400).end();
    this.bodies.push(body);
    this.headers.push(request.headers);
    for (const { resource, scopeSpans } of parsed.data.resourceSpans) {
      this.resource = toObject(resource.attributes);
      for (const { attributes, ...rest } of scopeSpans.flatMap(({ spans }) => spans))
        this.spans.push({ ...rest, attributes: toObject(attributes) });
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"partialSuccess":{}}');
    this.#changed();
  }
}
