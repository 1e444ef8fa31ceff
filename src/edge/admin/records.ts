import { Hono } from 'hono';
import * as z from 'zod';
import type { ExportRange, ExportStep } from '../../tenant/records/reading/export.ts';
import type { Question } from '../../tenant/records/reading/readers.ts';
import { wantsCallEvents } from '../http/call-events.ts';
import type { AppEnv } from '../http/isolate.ts';
import { followCalls } from './follow.ts';
import { momentSchema } from './moments.ts';
import { type Ctx, checked, isoTime, resultOf, tenantOf } from './refusals.ts';
import { verifyRecords } from './verify.ts';

const exportQuery = (now: number) =>
  z.strictObject({ since: momentSchema(now).optional(), until: momentSchema(now).optional() });

/** What the agents of one tenant did. */
export const records = new Hono<AppEnv>();

/** The tenant checks the arguments, as it does for its own tokens. */
async function ask(
  c: Ctx,
  question: Question,
  named: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const { tenant } = tenantOf(c);
  // RPC sends no object without a prototype, which the query is.
  const json = await resultOf(c, tenant.ask(question, { ...c.req.query(), ...named }));
  return c.body(json, 200, { 'content-type': 'application/json' });
}

records.get('/tenants/:id/calls', (c) => {
  const { follow, ...filter } = c.req.query();
  return wantsCallEvents(c.req.header('accept') ?? null, follow) ? followCalls(c, filter) : ask(c, 'calls');
});
records.get('/tenants/:id/runs', (c) => ask(c, 'runs'));
records.get('/tenants/:id/runs/:run', (c) => ask(c, 'run', { run: c.req.param('run') }));
records.get('/tenants/:id/traces/:trace_id', (c) => ask(c, 'trace', { trace_id: c.req.param('trace_id') }));
records.get('/tenants/:id/explain/:call', (c) => ask(c, 'explain', { id: c.req.param('call') }));

/** The records as NDJSON, gzip, a step at a time: what was written after it began is not in it. */
records.get('/tenants/:id/export', async (c) => {
  const { id, tenant } = tenantOf(c);
  const times = checked(exportQuery(Date.now()), c.req.query());
  const { range, head } = await resultOf(c, tenant.beginExport(times));
  let next: ExportRange | undefined = range;
  const encoder = new TextEncoder();
  const lines = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(encoder.encode(head)),
    // A step is read when the one before has been sent.
    pull: async (controller) => {
      if (next === undefined) return controller.close();
      const step: ExportStep = await resultOf(c, tenant.exportStep(next));
      next = step.next === undefined ? undefined : { ...range, first: step.next };
      if (step.lines !== '') controller.enqueue(encoder.encode(step.lines));
      if (next === undefined) controller.close();
    },
  });
  return new Response(lines.pipeThrough(new CompressionStream('gzip')), {
    headers: {
      'content-type': 'application/gzip',
      'content-disposition': `attachment; filename="records-${id}.ndjson.gz"`,
    },
  });
});

/** Writes the next records that the bucket does not have, as one object. */
records.post('/tenants/:id/export', async (c) => {
  const { id, tenant } = tenantOf(c);
  const { written, more } = await resultOf(c, tenant.exportToBucket());
  return c.json({
    id,
    exported: written && {
      object: written.object,
      first_record: written.firstRecord,
      last_record: written.lastRecord,
      bytes: written.bytes,
    },
    more,
  });
});

records.get('/tenants/:id/verify', async (c) => {
  const { id } = tenantOf(c);
  const { broken, first, last, unchained, anchor } = await verifyRecords(c, id);
  return c.json({
    id,
    verdict: broken === undefined ? 'intact' : 'broken',
    broken: broken && { record: broken.id, what: broken.what.replace(' ', '_') },
    first_record: first,
    last_record: last,
    records_without_hash: unchained,
    anchored: anchor && { record: anchor.id, at: isoTime(anchor.at) },
  });
});
