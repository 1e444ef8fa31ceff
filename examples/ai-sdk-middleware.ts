/**
 * A middleware for the AI SDK that answers repeated calls of a language model from the cache, whole or as a stream.
 *
 * @example
 * const model = wrapLanguageModel({ model: openai('gpt-5'), middleware: cacheMiddleware({ url, token }) });
 */
import type { LanguageModelMiddleware } from 'ai';
import { CacheClient, type CacheOptions, type Question } from './cache-client.ts';

type Wraps<Name extends 'wrapGenerate' | 'wrapStream'> = NonNullable<LanguageModelMiddleware[Name]>;
type CallOptions = Parameters<Wraps<'wrapGenerate'>>[0];
type Result = Awaited<ReturnType<Wraps<'wrapGenerate'>>>;
type Streamed = Awaited<ReturnType<Wraps<'wrapStream'>>>;
type Part = Streamed['stream'] extends ReadableStream<infer Chunk> ? Chunk : never;
type Content = Result['content'][number];

export function cacheMiddleware(options: CacheOptions): LanguageModelMiddleware {
  const cache = new CacheClient(options);
  return {
    specificationVersion: 'v4',
    wrapGenerate: async ({ doGenerate, ...call }) => {
      const found = await cache.lookUp(questionOf(call));
      if (found.kind === 'answer' && isResult(found.response)) return revived(found.response);
      const settle = found.kind === 'ask' ? found.settle : () => undefined;
      try {
        const result = await doGenerate();
        settle(stored(result));
        return result;
      } catch (error) {
        settle(undefined);
        throw error;
      }
    },
    wrapStream: async ({ doStream, ...call }) => {
      const found = await cache.lookUp(questionOf(call));
      if (found.kind === 'answer' && isResult(found.response))
        return { stream: replay(revived(found.response)) };
      const settle = found.kind === 'ask' ? found.settle : () => undefined;
      try {
        const { stream, ...rest } = await doStream();
        return { ...rest, stream: stream.pipeThrough(collecting(settle)) };
      } catch (error) {
        settle(undefined);
        throw error;
      }
    },
  };
}

function questionOf({ model, params }: Pick<CallOptions, 'model' | 'params'>): Question {
  const { prompt, abortSignal: _, headers: __, includeRawChunks: ___, ...rest } = params;
  return { provider: model.provider, model: model.modelId, input: prompt, params: rest };
}

/** A result without what belongs to one call only. */
const stored = ({ request: _, response, ...result }: Result) => ({
  ...result,
  ...(response !== undefined && {
    response: { id: response.id, timestamp: response.timestamp, modelId: response.modelId },
  }),
});

const isResult = (value: unknown): value is Result =>
  typeof value === 'object' && value !== null && 'content' in value && Array.isArray(value.content);

/** Dates were stored as text. */
function revived(result: Result): Result {
  const timestamp = result.response?.timestamp;
  return timestamp === undefined
    ? result
    : { ...result, response: { ...result.response, timestamp: new Date(timestamp) } };
}

function replay(result: Result): ReadableStream<Part> {
  const { content, response, warnings, finishReason, usage, providerMetadata } = result;
  const parts: Part[] = [
    { type: 'stream-start', warnings },
    ...(response === undefined ? [] : [{ type: 'response-metadata' as const, ...response }]),
    ...content.flatMap((part, at) => replayContent(part, String(at))),
    { type: 'finish', finishReason, usage, ...(providerMetadata !== undefined && { providerMetadata }) },
  ];
  return new ReadableStream({
    start: (controller) => {
      for (const part of parts) controller.enqueue(part);
      controller.close();
    },
  });
}

function replayContent(part: Content, id: string): Part[] {
  if (part.type !== 'text' && part.type !== 'reasoning') return [part];
  const { type, text, ...rest } = part;
  return [
    { type: `${type}-start`, id },
    { type: `${type}-delta`, id, delta: text },
    { type: `${type}-end`, id, ...rest },
  ];
}

/** Passes parts on and collects the result that they amount to. */
function collecting(settle: (result: unknown) => void): TransformStream<Part, Part> {
  const collected = new Collected();
  return new TransformStream<Part, Part>({
    transform: (part, controller) => {
      controller.enqueue(part);
      collected.add(part);
    },
    flush: () => settle(collected.result()),
    cancel: () => settle(undefined),
  });
}

class Collected {
  readonly #content: Content[] = [];
  /** The positions of texts that are still being written. */
  readonly #open = new Map<string, number>();
  #about: Partial<Result> = {};
  #hasFailed = false;

  add(part: Part): void {
    switch (part.type) {
      case 'text-start':
      case 'reasoning-start':
        this.#open.set(part.id, this.#content.length);
        this.#content.push({ type: part.type === 'text-start' ? 'text' : 'reasoning', text: '' });
        break;
      case 'text-delta':
      case 'reasoning-delta':
        this.#change(part.id, (content) => ({ ...content, text: content.text + part.delta }));
        break;
      case 'text-end':
      case 'reasoning-end': {
        const { type: _, id, ...rest } = part;
        this.#change(id, (content) => ({ ...content, ...rest }));
        break;
      }
      case 'stream-start':
        this.#about = { ...this.#about, warnings: part.warnings };
        break;
      case 'response-metadata': {
        const { type: _, ...response } = part;
        this.#about = { ...this.#about, response };
        break;
      }
      case 'finish': {
        const { type: _, ...finish } = part;
        this.#about = { ...this.#about, ...finish };
        break;
      }
      case 'error':
        this.#hasFailed = true;
        break;
      case 'tool-input-start':
      case 'tool-input-delta':
      case 'tool-input-end':
      case 'ping':
      case 'raw':
        break;
      default:
        this.#content.push(part);
    }
  }

  result(): unknown {
    const isWhole = !this.#hasFailed && this.#about.finishReason !== undefined;
    return isWhole ? { warnings: [], ...this.#about, content: this.#content } : undefined;
  }

  #change(id: string, change: (content: TextContent) => TextContent): void {
    const at = this.#open.get(id);
    const content = at === undefined ? undefined : this.#content[at];
    if (at !== undefined && (content?.type === 'text' || content?.type === 'reasoning'))
      this.#content[at] = change(content);
  }
}
type TextContent = Extract<Content, { type: 'text' | 'reasoning' }>;
