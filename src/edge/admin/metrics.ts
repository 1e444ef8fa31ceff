import { Hono } from 'hono';
import type { AppEnv } from '../http/isolate.ts';
import { reached } from './refusals.ts';

/** The metrics of the deployment, for Prometheus. */
export const metrics = new Hono<AppEnv>();

metrics.get('/metrics', async (c) => {
  const asked = async () => c.env.METERS.getByName('meters').text();
  const text = await reached(c, asked(), 'The metrics cannot be read; calls and tenants work without them.');
  return c.body(text, 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
});
