import { readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { raw } from 'jq-wasm';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import type { LogRecord } from '../../src/telemetry/log.ts';
import { dataPointOf } from '../../src/telemetry/metrics/data-point.ts';
import { METRICS } from '../../src/telemetry/metrics/metrics.ts';
import { blocksOf, documentAt, rowsOf } from '../support/documents/markdown.ts';
import { readPromql } from '../support/promql.ts';

/** The queries, alerts and the dashboard that whoever is on call copies: each is read or run here. */

const TELEMETRY = documentAt('src/telemetry/TELEMETRY.md');
const blocks = (language: string) =>
  blocksOf(TELEMETRY)
    .filter((block) => block.language === language)
    .map(({ line, lines }) => ({ line, text: lines.join('\n') }));

/** Each name under which Prometheus has a metric, with its labels. */
const SERIES = new Map<string, readonly string[]>([['up', ['job', 'instance']]]);
for (const [name, { type, labels }] of Object.entries(METRICS)) {
  if (type !== 'histogram') SERIES.set(name, labels);
  else {
    SERIES.set(`${name}_bucket`, [...labels, 'le']);
    for (const part of ['_sum', '_count']) SERIES.set(`${name}${part}`, labels);
  }
}

/** What is wrong with a query: its grammar, a metric that does not exist, or a label that none of its metrics has. */
function problemsOf(query: string): string[] {
  const { errors, metrics, labels } = readPromql(query);
  const known = new Set(metrics.flatMap((name) => SERIES.get(name) ?? []));
  return [
    ...errors,
    ...metrics.filter((name) => !SERIES.has(name)),
    ...labels.filter((label) => !known.has(label)),
    ...(metrics.length === 0 ? ['no metric'] : []),
  ];
}

test.each([
  ['sum(rate(bulkhead_calls_total[5m])) by (tool)', []],
  ['bulkhead_call_total', ['bulkhead_call_total']],
  ['sum by (tenant) (bulkhead_calls_total)', ['tenant']],
  ['bulkhead_storage_bytes{token="x"}', ['token']],
  ['rate(bulkhead_call_duration_seconds[5m])', ['bulkhead_call_duration_seconds']],
  ['1 + 1', ['no metric']],
])('of %s is wrong: %j', (query, problems) => {
  expect(problemsOf(query)).toEqual(problems);
});

test.each([
  'rate(bulkhead_calls_total[5m]',
  'made_up(bulkhead_calls_total)',
  'sum by tool bulkhead_calls_total',
])('%s is no query', (query) => {
  expect(problemsOf(query)).not.toEqual([]);
});

describe('TELEMETRY.md', () => {
  test('has every metric, with its labels', () => {
    const rows = rowsOf(TELEMETRY);
    const codes = (cell = '') => [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code);
    for (const [name, { labels }] of Object.entries(METRICS)) {
      const row = rows.find(([first]) => codes(first).includes(name));
      expect([name, row && codes(row[1])]).toEqual([
        name,
        name === 'bulkhead_tenants' ? ['reporter'] : labels,
      ]);
    }
  });

  test.each(blocks('promql'))('line $line is PromQL of metrics that exist', ({ text }) => {
    expect(problemsOf(text)).toEqual([]);
  });

  test('has every alert, in the order of the file', () => {
    const listed = rowsOf(TELEMETRY).flatMap(([first = '']) => /`(Bulkhead\w+)`/.exec(first)?.[1] ?? []);
    expect(listed).toEqual(ALERTS.map(({ name }) => name));
  });
});

const RULES = readFileSync('src/telemetry/dashboards/alerts.yaml', 'utf8');
const ALERTS = RULES.split('      - alert: ')
  .slice(1)
  .map((rule) => ({
    name: /^\w+/.exec(rule)?.[0] ?? '',
    query: /^ {8}expr: (.+)$/m.exec(rule)?.[1] ?? '',
    severity: /^ {8}labels: \{ severity: (page|ticket) \}$/m.exec(rule)?.[1],
    summary: /^ {8}annotations: \{ summary: "(.+)" \}$/m.exec(rule)?.[1],
  }));

test.each(ALERTS)('the alert $name compares metrics that exist with a threshold', ({ query, ...rule }) => {
  expect(problemsOf(query)).toEqual([]);
  expect(query).toMatch(/ (?:>|>=|==) [\d. *]+$/);
  expect(rule).toMatchObject({ severity: expect.any(String), summary: expect.stringMatching(/\.$/) });
});

const position = z.strictObject({
  x: z.int().min(0).max(23),
  y: z.int().min(0),
  w: z.int().min(1).max(24),
  h: z.int().min(1),
});
const datasource = z.strictObject({ type: z.literal('prometheus'), uid: z.literal('${' + 'datasource}') });
/** What Grafana 10 and later need to load a dashboard. */
const dashboard = z.looseObject({
  title: z.string().min(1),
  uid: z.string().regex(/^[\w-]{1,40}$/),
  schemaVersion: z.int().min(36),
  time: z.strictObject({ from: z.string(), to: z.string() }),
  templating: z.strictObject({ list: z.array(z.looseObject({ name: z.string(), type: z.string() })) }),
  panels: z.array(
    z.looseObject({
      id: z.int().min(1),
      type: z.enum(['stat', 'timeseries']),
      title: z.string().min(1),
      datasource,
      gridPos: position,
      targets: z
        .array(
          z.looseObject({
            refId: z.string().regex(/^[A-Z]$/),
            expr: z.string(),
            legendFormat: z.string(),
            datasource,
          }),
        )
        .min(1),
    }),
  ),
});

describe('the dashboard', () => {
  const { panels, templating } = dashboard.parse(
    JSON.parse(readFileSync('src/telemetry/dashboards/bulkhead.json', 'utf8')),
  );
  const queries = panels.flatMap(({ title, targets }) => targets.map((target) => ({ title, ...target })));
  /** As Grafana fills them in. */
  const filled = (query: string) =>
    query.replaceAll('$__rate_interval', '5m').replaceAll('$tenant', 'acme|globex');

  test.each(queries)('$title ($refId) asks for what exists', ({ expr, legendFormat }) => {
    expect(problemsOf(filled(expr))).toEqual([]);
    expect(filled(expr)).not.toContain('$');
    const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label ?? '');
    const { metrics } = readPromql(filled(expr));
    expect(metrics.flatMap((name) => SERIES.get(name) ?? [])).toEqual(expect.arrayContaining(shown));
  });

  test('has panels with ids of their own that do not overlap, and the variables that it uses', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const taken = new Set<string>();
    for (const { gridPos: at, title } of panels) {
      expect([title, at.x + at.w]).toEqual([title, Math.min(24, at.x + at.w)]);
      for (let x = at.x; x < at.x + at.w; x++)
        for (let y = at.y; y < at.y + at.h; y++) {
          expect([title, taken.has(`${x} ${y}`)]).toEqual([title, false]);
          taken.add(`${x} ${y}`);
        }
    }
    expect(templating.list.map(({ name }) => name)).toEqual(['datasource', 'tenant']);
  });

  test('shows every metric', () => {
    const shown = new Set(queries.flatMap(({ expr }) => readPromql(filled(expr)).metrics));
    const missing = Object.keys(METRICS).filter((name) => ![...shown].some((one) => one.startsWith(name)));
    expect(missing).toEqual([]);
  });
});

describe('SQL for Analytics Engine', () => {
  const call = {
    tenant: 'acme',
    tool: 'blackboard_read',
    outcome: 'error',
    code: 'rate_limited',
    status: 'stop',
    client: 'agent',
    durationMs: 20,
    bytesIn: 10,
    bytesOut: 30,
  };
  const { indexes, blobs, doubles } = dataPointOf(call);
  const row: Record<string, string | number> = { _sample_interval: 3, timestamp: 0 };
  for (const [name, values] of Object.entries({ index: indexes, blob: blobs, double: doubles }))
    for (const [place, value] of values.entries()) row[`${name}${place + 1}`] = value;

  /** Its dialect is that of ClickHouse; the queries keep to the part that SQLite has as well, but for intervals. */
  function answers(query: string) {
    const db = new DatabaseSync(':memory:');
    db.function('now', () => 0);
    const columns = Object.keys(row);
    db.exec(`CREATE TABLE bulkhead_calls (${columns.join(', ')})`);
    db.prepare(`INSERT INTO bulkhead_calls VALUES (${columns.map(() => '?').join(', ')})`).run(
      ...Object.values(row),
    );
    return db.prepare(query.replaceAll(/INTERVAL '\d+' (?:DAY|HOUR)/g, '1')).all();
  }

  test.each(blocks('sql'))('line $line finds the data point', ({ text }) => {
    expect(text).toMatch(/LIMIT \d+$/);
    const found = answers(text);
    expect(found).toHaveLength(1);
    expect(Object.values(found[0] ?? {})).toContain(3);
  });
});

describe('jq', () => {
  const ts = '2026-11-26T14:00:00.000Z';
  const lines: (LogRecord & { ts: string })[] = [
    {
      ts,
      level: 'info',
      event: 'tool.call',
      tenant: 'acme',
      tool: 'blackboard_write',
      outcome: 'answer',
      status: 'created',
      rev: 7,
      duration_ms: 9,
      trace_id: '0af7651916cd43dd8448eb211c80319c',
      request_id: 'r1',
      token_id: 't1',
    },
    {
      ts,
      level: 'warn',
      event: 'tool.call',
      tenant: 'acme',
      code: 'rate_limited',
      times: 4,
      token_id: 't1',
      duration_ms: 0,
    },
    {
      ts,
      level: 'error',
      event: 'edge.error',
      error_id: 'e1',
      cause: { name: 'Error', message: 'why', stack: [] },
    },
  ];
  const log = lines.map((line) => JSON.stringify(line)).join('\n');

  test.each(blocks('jq'))('line $line finds something in a log', async ({ text }) => {
    const printed = await raw(log, text, ['-n', '-c']);
    expect(
      printed
        .trim()
        .split('\n')
        .map((line) => Object.keys(JSON.parse(line)).length),
    ).not.toEqual([]);
  });
});
