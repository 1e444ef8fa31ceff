import * as z from 'zod';
import { invalidInput } from '../errors.ts';
import { count as countField, ttlSeconds } from '../fields.ts';
import { defineTool, type ToolContext } from '../tool.ts';
import { count, SHARED, type Usage } from './counters.ts';
import {
  type Asked,
  askedFor,
  labelsOf,
  questionFields,
  questionLog,
  remember,
  requireSame,
} from './question.ts';
import { candidateSchema, candidates } from './similar.ts';
import { type Entry, findEntry, markHit, readBody } from './store.ts';

const MICRO = 1_000_000;

const output = z.strictObject({
  status: z.enum(['hit', 'stale', 'negative', 'miss']),
  key: z.string().describe('Store the answer under it with cache_set.'),
  response: z.unknown().optional(),
  failure: z.unknown().optional().describe('With negative: the stored error.'),
  age_s: countField().optional(),
  expires_in_s: countField().optional().describe('0 when stale.'),
  finish_reason: z.string().optional(),
  saved: z.strictObject({ tokens: countField(), usd: z.number() }).optional(),
  candidates: z.array(candidateSchema).optional(),
});
type Answer = z.output<typeof output>;

export const cacheGet = defineTool({
  name: 'cache_get',
  title: 'Look up an LLM response',
  description:
    'Look here before calling a model: the stored response to exactly the same model, messages and params. ' +
    'hit: use it. stale: usable, but refresh it with cache_set. negative: this call failed a short while ago. ' +
    'miss: call the model, then cache_set with the returned key, without sending the messages again. ' +
    'similar adds near questions to a miss, for you to judge; read one by its key.',
  scope: 'cache:read',
  cost: 1,
  grows: false,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  input: z.strictObject({
    ...questionFields,
    max_age_s: ttlSeconds().optional().describe('Older answers count as a miss.'),
    similar: z.boolean().default(false).describe('On a miss, also list up to 3 similar questions.'),
  }),
  output,
  log: { ...questionLog, max_age_s: 'plain', similar: 'plain' },
  run: (args, context) => {
    const asked = askedFor(args);
    if (args.similar && asked.by === 'key') {
      throw invalidInput('similar', 'similar needs messages or prompt; leave it out when a key is given.');
    }
    const { sql, now } = context;
    const entry = findEntry(sql, asked.key, now);
    const isServed =
      entry !== undefined &&
      entry.state !== 'dead' &&
      now - entry.storedAt <= (args.max_age_s ?? Number.POSITIVE_INFINITY) * 1000;
    return isServed ? served(asked, entry, context) : missed(asked, args.similar, context);
  },
});

function served(asked: Asked, entry: Entry, { sql, now }: ToolContext): Answer {
  requireSame(asked, entry);
  markHit(sql, entry.rev, now);
  const answer = {
    key: asked.key,
    age_s: Math.max(0, Math.floor((now - entry.storedAt) / 1000)),
    expires_in_s: Math.max(0, Math.ceil((entry.expiresAt - now) / 1000)),
    finish_reason: entry.finishReason ?? undefined,
  };
  const body = readBody(sql, entry.rev);
  if (entry.kind === 'error') {
    count(sql, now, entry.ns, entry.model, { what: 'negative' });
    return { status: 'negative', failure: body, ...answer };
  }
  if (entry.state === 'stale') {
    count(sql, now, entry.ns, entry.model, { what: 'stale' });
    return { status: 'stale', response: body, ...answer };
  }
  const { usage } = entry;
  count(sql, now, entry.ns, entry.model, { what: 'hits', ...(usage !== undefined && { saved: usage }) });
  return { status: 'hit', response: body, ...answer, saved: usage && shown(usage) };
}

const shown = ({ tokens, microUsd }: Usage) => ({ tokens, usd: microUsd / MICRO });

function missed(asked: Asked, similar: boolean, { sql, now }: ToolContext): Answer {
  const labels = labelsOf(sql, asked);
  count(sql, now, labels?.ns ?? asked.ns ?? SHARED, labels?.model ?? asked.model ?? SHARED, {
    what: 'misses',
  });
  if (asked.by === 'question' && labels !== undefined) remember(sql, asked.key, labels);
  const found = similar && labels !== undefined ? candidates(sql, labels.ns, labels.text, now) : undefined;
  return { status: 'miss', key: asked.key, candidates: found };
}
