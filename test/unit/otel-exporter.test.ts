import { expect, test } from 'vitest';
import { MAX_QUEUED_SPANS, SpanExporter } from '../../src/telemetry/otel/exporter.ts';
import { ATTRIBUTE } from '../../src/telemetry/otel/names.ts';
import type { Span } from '../../src/telemetry/otel/span.ts';
import { traceExport } from '../support/otlp-collector.ts';

const COLLECTOR = {
  tracesUrl: 'https://otel.test/v1/traces',
  headers: { authorization: 'Bearer of-the-collector' },
  resource: { 'service.name': 'bulkhead' },
};

const span = (name: string): Span => ({
  trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), parentSpanId: undefined },
  name,
  kind: 'server',
  startMs: 1_700_000_000_000,
  endMs: 1_700_000_000_005,
  attributes: { [ATTRIBUTE.method]: 'ping' },
});

type Answer = () => Response | Promise<Response>;
const ok: Answer = () => new Response('{}');
const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  () =>
    new Response(null, { status: code, headers });
const unreachable: Answer = () => Promise.reject(new TypeError('fetch failed'));
const never: Answer = () => new Promise(() => undefined);

/** An exporter whose time and collector are in the hands of the test. */
class Rig {
  now = 0;
  answer: Answer = ok;
  readonly sent: string[][] = [];
  readonly requests: RequestInit[] = [];
  readonly dropped: number[] = [];
  readonly exporter = new SpanExporter(COLLECTOR, {
    clock: () => this.now,
    wait: async (ms) => {
      this.now += ms;
    },
    fetch: async (_url, request) => {
      this.requests.push(request ?? {});
      const [resourceSpans] = traceExport.parse(JSON.parse(String(request?.body))).resourceSpans;
      this.sent.push(resourceSpans?.scopeSpans.flatMap(({ spans }) => spans.map(({ name }) => name)) ?? []);
      return this.answer();
    },
    onDropped: (count) => this.dropped.push(count),
  });

  add(...names: string[]): void {
    for (const name of names) this.exporter.add(span(name));
  }

  /** Lets a request end, and what it leaves to do. @returns whether it exported */
  async flush(): Promise<boolean> {
    const works: Promise<unknown>[] = [];
    this.exporter.flush((work) => works.push(work));
    await Promise.all(works);
    return works.length > 0;
  }
}

test('spans of several requests leave in one batch, under the credential of the collector', async () => {
  const rig = new Rig();
  rig.add('one', 'two');
  await rig.flush();
  expect(rig.sent).toEqual([['one', 'two']]);
  expect(rig.requests[0]).toMatchObject({
    method: 'POST',
    redirect: 'manual',
    headers: { authorization: 'Bearer of-the-collector', 'content-type': 'application/json' },
  });
  expect(rig.exporter.counts).toEqual({ exported: 2, dropped: 0, failed: 0 });
  expect(await rig.flush()).toBe(false);
});

test('a full queue goes on in further batches', async () => {
  const rig = new Rig();
  rig.add(...Array.from({ length: 1030 }, (_, index) => `span ${index}`));
  await rig.flush();
  expect(rig.sent.map((names) => names.length)).toEqual([512, 512, 6]);
  expect(new Set(rig.sent.flat()).size).toBe(1030);
});

test('spans that come while others are exported leave without another request', async () => {
  const rig = new Rig();
  rig.answer = () => {
    if (rig.sent.length < 3) rig.add(`during ${rig.sent.length}`);
    return ok();
  };
  rig.add('one');
  await rig.flush();
  expect(rig.sent).toEqual([['one'], ['during 1'], ['during 2']]);
});

test('one request exports for 15 s at the most, because the platform ends it soon after', async () => {
  const rig = new Rig();
  rig.answer = () => {
    rig.add('more');
    return ok();
  };
  rig.add('one');
  await rig.flush();
  expect(rig.now).toBe(15_000);
  expect(await rig.flush()).toBe(true);
});

test('what does not fit the queue is dropped, counted, and told once a minute', async () => {
  const rig = new Rig();
  rig.answer = unreachable;
  rig.add(...Array.from({ length: 10_000 }, (_, index) => `span ${index}`));
  expect(rig.exporter.counts.dropped).toBe(10_000 - MAX_QUEUED_SPANS);
  await rig.flush();
  rig.add('one more');
  await rig.flush();
  expect(rig.dropped).toEqual([10_000 - MAX_QUEUED_SPANS]);
  rig.add(...Array.from({ length: 1000 }, () => 'again'));
  rig.now += 61_000;
  await rig.flush();
  expect(rig.dropped).toHaveLength(2);
});

test('one request exports for all, until its lease has ended', async () => {
  const rig = new Rig();
  rig.answer = never;
  rig.add('one');
  const works: Promise<unknown>[] = [];
  rig.exporter.flush((work) => works.push(work));
  rig.exporter.flush((work) => works.push(work));
  expect(works).toHaveLength(1);
  rig.now += 60_000;
  rig.answer = ok;
  await rig.flush();
  expect(rig.sent.at(-1)).toEqual(['one']);
  expect(rig.exporter.counts.exported).toBe(1);
});

test.each([429, 502, 503, 504, 522])(
  'after %i the same batch is sent again, after a growing rest',
  async (code) => {
    const rig = new Rig();
    rig.answer = status(code);
    rig.add('one');
    await rig.flush();
    for (const restMs of [1000, 2000, 4000]) {
      rig.add('later');
      rig.now += restMs - 1;
      expect(await rig.flush()).toBe(false);
      rig.now += 1;
      expect(await rig.flush()).toBe(true);
      expect(rig.sent.at(-1)).toEqual(['one']);
    }
    rig.answer = ok;
    rig.now += 8000;
    await rig.flush();
    expect(rig.exporter.counts).toEqual({ exported: 4, dropped: 0, failed: 4 });
    expect(rig.sent.slice(-2)).toEqual([['one'], ['later', 'later', 'later']]);
  },
);

test.each([
  ['7', 7000],
  ['86400', 60_000],
  ['soon', 1000],
  ['-5', 1000],
  ['1.5', 1000],
])('Retry-After: %s is obeyed for %i ms', async (retryAfter, restMs) => {
  const rig = new Rig();
  rig.answer = status(503, { 'retry-after': retryAfter });
  rig.add('one');
  await rig.flush();
  rig.now += restMs - 1;
  expect(await rig.flush()).toBe(false);
  rig.now += 1;
  expect(await rig.flush()).toBe(true);
});

test('a collector that cannot be reached is tried six times for a batch', async () => {
  const rig = new Rig();
  rig.answer = unreachable;
  rig.add('one');
  for (let attempt = 1; attempt <= 6; attempt++) {
    await rig.flush();
    rig.now += 60_000;
  }
  expect(rig.sent).toHaveLength(6);
  expect(rig.exporter.counts).toEqual({ exported: 0, dropped: 1, failed: 6 });
});

test.each([400, 401, 404, 413, 500, 301])('a batch that is refused with %i is dropped', async (code) => {
  const rig = new Rig();
  rig.answer = status(code);
  rig.add('one');
  await rig.flush();
  expect(rig.exporter.counts).toEqual({ exported: 0, dropped: 1, failed: 1 });
});

test('spans that a collector rejects in part are counted', async () => {
  const rig = new Rig();
  rig.answer = () => new Response('{"partialSuccess":{"rejectedSpans":"2","errorMessage":"no"}}');
  rig.add('one', 'two', 'three');
  await rig.flush();
  expect(rig.exporter.counts).toEqual({ exported: 1, dropped: 2, failed: 0 });
});

test.each(['', 'no JSON', '[]', '{"partialSuccess":{"rejectedSpans":-1}}', 'x'.repeat(100_000)])(
  'an acceptance in a strange form is one',
  async (body) => {
    const rig = new Rig();
    rig.answer = () => new Response(body);
    rig.add('one');
    await rig.flush();
    expect(rig.exporter.counts).toEqual({ exported: 1, dropped: 0, failed: 0 });
  },
);

test('what is left is exported when the process ends', async () => {
  const rig = new Rig();
  rig.add(...Array.from({ length: 600 }, (_, index) => `span ${index}`));
  await rig.exporter.close();
  expect(rig.exporter.counts.exported).toBe(600);
  rig.answer = unreachable;
  rig.add('one');
  await rig.exporter.close();
  expect(rig.exporter.counts).toMatchObject({ failed: 1 });
});
