import { Hono } from 'hono';
import { type StoreEnv, storeOf } from './store.ts';

export { Store } from './store.ts';

/** The floor: a route, a call to the object and one upsert, without a protocol and without a guarantee. */
const app = new Hono<{ Bindings: StoreEnv }>();
app.post('/', async (c) => {
  const { key, value } = await c.req.json<{ key: string; value: string }>();
  return c.json(await storeOf(c.env).write(key, value));
});
app.get('/', async (c) => c.json(await storeOf(c.env).written()));

export default app;
