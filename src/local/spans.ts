import type { MessageEnd } from '../mcp/message-end.ts';
import { messageAttributes, messageName } from '../mcp/message-span.ts';
import type { Log } from '../telemetry/log.ts';
import { SpanExporter } from '../telemetry/otel/exporter.ts';
import { ATTRIBUTE } from '../telemetry/otel/names.ts';
import type { Collector } from '../telemetry/otel/post.ts';
import { forwardOnly } from '../tenant/contract/timer.ts';

/** Exports a span for each request that the local server answers. */
export class LocalSpans {
  readonly #exporter: SpanExporter;

  constructor(collector: Collector, log: Log) {
    this.#exporter = new SpanExporter(collector, {
      fetch,
      clock: forwardOnly(() => Date.now()),
      // The process does not stay for its spans; `close` sends those that are left.
      wait: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds).unref()),
      onDropped: (times) => log({ level: 'warn', event: 'telemetry.dropped', times }),
    });
  }

  /** @param session of the connection */
  messageEnded(end: MessageEnd, session: string): void {
    this.#exporter.add({
      trace: end.caller.trace,
      name: messageName(end),
      kind: 'server',
      startMs: end.caller.receivedAt,
      endMs: Date.now(),
      attributes: {
        ...messageAttributes(end),
        [ATTRIBUTE.transport]: 'pipe',
        [ATTRIBUTE.session]: session,
        [ATTRIBUTE.request]: end.caller.requestId,
      },
    });
    this.#exporter.flush((work) => void work);
  }

  /** Sends what is left; a collector that does not answer is waited for 5 s at the most. */
  close(): Promise<void> {
    return this.#exporter.close();
  }
}
