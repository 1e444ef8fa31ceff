import { Hono } from 'hono';
import { problem } from '../http/http-errors.ts';
import type { AppEnv } from '../http/isolate.ts';
import { actions } from './actions.ts';
import { approvals } from './approvals.ts';
import { clients } from './clients.ts';
import { connections } from './connections.ts';
import { operatorOnly } from './guard.ts';
import { list } from './list.ts';
import { members } from './members.ts';
import { metrics } from './metrics.ts';
import { recordOperator } from './operator-calls.ts';
import { records } from './records.ts';
import { AdminRefusal } from './refusals.ts';
import { storage } from './storage.ts';
import { tenants } from './tenants.ts';
import { tokens } from './tokens.ts';
import { usage } from './usage.ts';

/** The operator's API. Every answer is JSON, every refusal problem details (RFC 9457). */
export const admin = new Hono<AppEnv>();
admin.use(operatorOnly);
admin.onError((error, c) => {
  if (error instanceof AdminRefusal) return problem(error.refusal, c.var.arrival.trace.traceId);
  throw error;
});
admin.use('/tenants/:id/*', recordOperator);
admin.route('/', list);
admin.route('/', actions);
admin.route('/', tenants);
admin.route('/', tokens);
admin.route('/', members);
admin.route('/', clients);
admin.route('/', storage);
admin.route('/', records);
admin.route('/', usage);
admin.route('/', metrics);
admin.route('/', connections);
admin.route('/', approvals);

// Answered here and not by the Worker's own handler, which would log the request a second time.
admin.all('*', () => {
  throw new AdminRefusal(404, 'not_found', 'The operator’s API has nothing at this path for this method.');
});
