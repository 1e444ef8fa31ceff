import { describe, expect, test } from 'vitest';
import { IsolateMeter } from '../../src/edge/http/isolate-meter.ts';
import { dataPointOf, MAX_INDEX_BYTES } from '../../src/telemetry/metrics/data-point.ts';
import { type Added, REPORT_EVERY_MS, type TenantReport } from '../../src/telemetry/metrics/report.ts';
import type { Host } from '../../src/tenant/host.ts';
import { headSignerOf } from '../../src/tenant/records/head-signer.ts';
import { createdCompartment, openCompartment } from '../support/compartment.ts';

const summed = (reports: readonly { added: readonly Added[] }[]) => {
  const sums = new Map<string, number>();
  for (const { metric, labels, sums: values } of reports.flatMap(({ added }) => added)) {
    const key = [metric, ...labels].join(' ');
    sums.set(key, (sums.get(key) ?? 0) + (values[0] ?? 0));
  }
  return Object.fromEntries(sums);
};

describe('a tenant', () => {
  /** A tenant whose reports are kept, as long as `up` is true. */
  function metered(host: Partial<Host> = {}) {
    const state = { up: true, asked: [] as number[], reports: [] as TenantReport[] };
    const send = async (report: TenantReport) => {
      if (!state.up) throw new Error('down');
      state.reports.push(report);
    };
    const parts = { report: send, wakeWithin: (ms: number) => void state.asked.push(ms), ...host };
    return { state, parts, tenant: createdCompartment(parts) };
  }

  test('reports the reason of an answer under no code, because it is none of an error', async () => {
    const { state, tenant } = metered();
    const set = { model: 'm', prompt: 'p', response: 'a', finish_reason: 'length' };
    tenant.call(tenant.issue(), 'cache_set', set);
    await tenant.elapse(1000);
    expect(summed(state.reports)['bulkhead_calls_total cache_set answer ']).toBe(1);
  });

  test('reports what it has recorded at most once a minute, and is woken for the rest', async () => {
    const { state, tenant } = metered({
      limits: { tenant: { rate: 1, burst: 4 }, tool: { rate: 1, burst: 4 } },
    });
    const token = tenant.issue(['blackboard:read', 'blackboard:write']);
    tenant.call(token, 'blackboard_write', { key: 'k', value: 1 });
    tenant.call(token, 'blackboard_read', { key: 'k' });
    await tenant.elapse(1000);
    expect(state.reports).toMatchObject([
      {
        tenant: 'test',
        counted: { calls: 2, notOk: 0, refused: 0 },
        gauges: { openStreams: 0, waiters: 0, storageBytes: expect.any(Number) },
      },
    ]);
    expect(state.reports[0]?.gauges.limitRemainingRatio).toBeLessThan(1);
    tenant.call(token, 'blackboard_write', { key: 'k' });
    tenant.call(token, 'scar_list');
    for (let call = 0; call < 9; call++) tenant.call(token, 'blackboard_list');
    await tenant.elapse(2000);
    expect(state.reports).toHaveLength(1);
    expect(state.asked.filter((ms) => ms > 50_000 && ms <= REPORT_EVERY_MS)).toHaveLength(1);
    await tenant.elapse(REPORT_EVERY_MS);
    tenant.compartment.sweep();
    expect(state.reports).toHaveLength(2);
    expect(state.reports[1]?.counted).toEqual({ calls: 11, notOk: 9, refused: 8 });
    expect(summed(state.reports)).toEqual({
      'bulkhead_calls_total blackboard_write answer ': 1,
      'bulkhead_calls_total blackboard_read answer ': 1,
      'bulkhead_calls_total blackboard_write error invalid_input': 1,
      'bulkhead_calls_total scar_list refused insufficient_scope': 1,
      'bulkhead_calls_total blackboard_list answer ': 2,
      'bulkhead_calls_total blackboard_list error rate_limited': 7,
      'bulkhead_tenant_calls_total answer': 4,
      'bulkhead_tenant_calls_total error': 8,
      'bulkhead_tenant_calls_total refused': 1,
      'bulkhead_refusals_total tenant blackboard_list': 7,
    });
  });

  test('loses no count when the aggregator fails, and when its host is evicted', async () => {
    const { state, parts, tenant } = metered();
    const token = tenant.issue();
    state.up = false;
    tenant.call(token, 'blackboard_write', { key: 'k', value: 1 });
    await tenant.elapse(1000);
    expect(tenant.lines.filter(({ event }) => event === 'telemetry.report_failed')).toHaveLength(1);
    expect(tenant.call(token, 'blackboard_read', { key: 'k' }).kind).toBe('answer');
    tenant.compartment.flush();
    state.up = true;
    const next = openCompartment({ db: tenant.db, ...parts });
    next.call(token, 'blackboard_write', { key: 'k', value: 2 });
    await next.elapse(1000);
    expect(summed(state.reports)).toMatchObject({
      'bulkhead_calls_total blackboard_write answer ': 2,
      'bulkhead_calls_total blackboard_read answer ': 1,
    });
  });

  test('reports its newest signed head', async () => {
    const keys = [{ kid: 'one', secret: new Uint8Array(32).fill(1) }] as const;
    const { state, tenant } = metered({ headSigner: headSignerOf(keys) });
    tenant.call(tenant.issue(), 'blackboard_write', { key: 'k', value: 1 });
    tenant.compartment.sweep();
    await tenant.elapse(REPORT_EVERY_MS + 1000);
    tenant.compartment.sweep();
    const [anchor] = tenant.db.exec('SELECT id AS record, at, head, kid, mac FROM anchors');
    expect(state.reports.at(-1)?.anchor).toEqual(anchor);
  });

  test('without an aggregator counts nothing', async () => {
    const tenant = createdCompartment();
    tenant.call(tenant.issue(), 'blackboard_list');
    await tenant.elapse(1000);
    expect(tenant.db.exec('SELECT metered_id FROM ledger')).toEqual([{ metered_id: 0 }]);
  });
});

describe('an isolate of the edge', () => {
  function metered() {
    const state = { now: 1e12, up: true, sent: [] as { added: readonly Added[] }[], failures: 0, points: 0 };
    const spans = { exported: 0, dropped: 0, failed: 0 };
    const meter = new IsolateMeter({
      clock: () => state.now,
      send: async (added) => {
        if (!state.up) throw new Error('down');
        state.sent.push({ added });
      },
      failed: () => state.failures++,
      spans: () => ({ ...spans }),
      dataset: { writeDataPoint: () => state.points++ },
    });
    const flush = async () => {
      const work: Promise<unknown>[] = [];
      meter.flush((promise) => void work.push(promise));
      await Promise.all(work);
    };
    return { state, spans, meter, flush };
  }

  test('reports at most once a minute, and again what could not be reported', async () => {
    const { state, meter, flush } = metered();
    await flush();
    meter.refused(401, 'unauthorized');
    await flush();
    meter.refused(401, 'unauthorized');
    await flush();
    expect(state.sent).toHaveLength(1);
    state.up = false;
    state.now += REPORT_EVERY_MS;
    await flush();
    expect(state.failures).toBe(1);
    state.up = true;
    meter.refused(413, 'too_large');
    await flush();
    expect(state.sent).toHaveLength(1);
    // A clock that steps back does not silence it.
    state.now -= 10 * REPORT_EVERY_MS;
    await flush();
    expect(summed(state.sent)).toEqual({
      'bulkhead_http_refusals_total 401 unauthorized': 2,
      'bulkhead_http_refusals_total 413 too_large': 1,
    });
  });

  test('tells what became of its spans, each once', async () => {
    const { state, spans, flush } = metered();
    Object.assign(spans, { exported: 5, dropped: 2 });
    await flush();
    Object.assign(spans, { exported: 9, failed: 1 });
    state.now += REPORT_EVERY_MS;
    await flush();
    expect(summed(state.sent)).toEqual({
      bulkhead_spans_exported_total: 9,
      bulkhead_spans_dropped_total: 2,
      bulkhead_spans_failed_total: 1,
    });
  });
});

test('a data point has the shape that queries read, within the limits of Analytics Engine', () => {
  const call = {
    tenant: 'a'.repeat(63),
    tool: 'blackboard_read',
    outcome: 'answer',
    code: '',
    status: 'found',
    client: 'claude-code',
    durationMs: 12,
    bytesIn: 30,
    bytesOut: 400,
  };
  expect(dataPointOf(call)).toEqual({
    indexes: [call.tenant],
    blobs: ['blackboard_read', 'answer', '', 'found', 'claude-code'],
    doubles: [1, 12, 30, 400],
  });
  const huge = '🙂'.repeat(100_000);
  const { indexes, blobs, doubles } = dataPointOf({
    ...call,
    tool: huge,
    code: huge,
    status: huge,
    client: huge,
  });
  const bytes = (texts: readonly string[]) => texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  expect(indexes).toHaveLength(1);
  expect(bytes(indexes)).toBeLessThanOrEqual(MAX_INDEX_BYTES);
  expect(blobs.length).toBeLessThanOrEqual(20);
  expect(bytes(blobs)).toBeLessThanOrEqual(16_384);
  expect(doubles.length).toBeLessThanOrEqual(20);
  expect(doubles.every(Number.isFinite)).toBe(true);
});
