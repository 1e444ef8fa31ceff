import * as z from 'zod';
import type { DemoContext } from './context.ts';

const getSchema = z.object({ status: z.string(), key: z.string(), response: z.unknown().optional() });
const setSchema = z.object({ status: z.string() });
const statsSchema = z.object({ hits: z.int(), misses: z.int(), tokens_saved: z.int() });

const REQUEST = {
  model: 'example-large',
  provider: 'example',
  messages: [{ role: 'user', content: 'Summarise the release notes of version 42 in one line.' }],
  params: { temperature: 0 },
};
const ANSWER = 'Version 42 makes deploys survive a locked migration.';
const USAGE = { input_tokens: 1200, output_tokens: 18 };

/** A second agent that asks a model the same question gets the stored answer at no cost. */
export async function caching({ report, worker, reviewer }: DemoContext): Promise<void> {
  report.title('4. Save a repeated LLM call');
  let modelCalls = 0;
  const askModel = () => {
    modelCalls++;
    return ANSWER;
  };
  const ask = async (agent: typeof worker): Promise<{ status: string; response?: unknown }> => {
    const cached = await agent.call('cache_get', REQUEST, getSchema);
    if (cached.status === 'hit') return cached;
    const response = askModel();
    const stored = await agent.call(
      'cache_set',
      { key: cached.key, response, usage: USAGE, finish_reason: 'stop' },
      setSchema,
    );
    report.note(
      `${agent.name}: ${cached.status}, called the model, ${stored.status} the answer under the key of the miss`,
    );
    return { status: cached.status, response };
  };

  const first = await ask(worker);
  report.check('the first question is a miss', first.status === 'miss');
  const second = await ask(reviewer);
  report.note(`reviewer: ${second.status}`);
  report.check(
    'the same question from another agent is a hit',
    second.status === 'hit' && second.response === ANSWER,
  );
  report.check('the model was called once', modelCalls === 1);

  const stats = await worker.call('cache_stats', {}, statsSchema);
  report.note(`${stats.hits} hit, ${stats.misses} miss, ${stats.tokens_saved} tokens saved`);
  report.check(
    'the counted savings equal the usage that was stored',
    stats.hits === 1 && stats.misses === 1 && stats.tokens_saved === USAGE.input_tokens + USAGE.output_tokens,
  );
}
