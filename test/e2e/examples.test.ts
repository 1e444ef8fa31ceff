import { spawn } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { generateText, type LanguageModelMiddleware, streamText, wrapLanguageModel } from 'ai';
import { MockLanguageModelV4 } from 'ai/test';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { cacheMiddleware } from '../../examples/ai-sdk-middleware.ts';
import type { CacheOptions } from '../../examples/cache-client.ts';
import { cachedFetch } from '../../examples/cached-fetch.ts';
import { anthropicMessages } from '../../examples/shapes/anthropic-messages.ts';
import { openAiChat } from '../../examples/shapes/openai-chat.ts';
import { openAiResponses } from '../../examples/shapes/openai-responses.ts';
import { eventsOf, type Json, type Shape } from '../../examples/shapes/shape.ts';
import { Operator, startServer, type TestServer } from '../support/server.ts';

const GENEROUS = { rate: 10_000, burst: 100_000 };
const call = { id: 'call_1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } };
/** Whole bodies of each API; the provider streams them if it is asked to. */
const BODIES: readonly (readonly [path: string, shape: Shape, body: Json])[] = [
  [
    '/v1/chat/completions',
    openAiChat,
    {
      id: 'c1',
      object: 'chat.completion',
      created: 1,
      model: 'm',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'Hello, 世界', tool_calls: [call] },
          finish_reason: 'tool_calls',
        },
      ],
    },
  ],
  [
    '/v1/messages',
    anthropicMessages,
    {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'm',
      content: [
        { type: 'thinking', thinking: 'Hm', signature: 'x' },
        { type: 'text', text: 'Hello, 世界' },
        { type: 'tool_use', id: 'toolu_1', name: 'f', input: { a: 1 } },
      ],
      stop_reason: 'tool_use',
      stop_sequence: null,
      usage: { input_tokens: 3, output_tokens: 4 },
    },
  ],
  [
    '/v1/responses',
    openAiResponses,
    {
      id: 'resp_1',
      object: 'response',
      status: 'completed',
      error: null,
      model: 'm',
      output: [
        {
          type: 'message',
          id: 'msg_1',
          status: 'completed',
          role: 'assistant',
          content: [{ type: 'output_text', text: 'Hello, 世界', annotations: [] }],
        },
        {
          type: 'function_call',
          id: 'fc_1',
          call_id: 'call_1',
          name: 'f',
          arguments: '{}',
          status: 'completed',
        },
      ],
      usage: { input_tokens: 3, output_tokens: 4 },
    },
  ],
];

/** A provider that counts its calls. The text of a question decides how it answers. */
let calls = 0;
const provider = createServer(async (request, response) => {
  calls++;
  const asked = await text(request);
  const [, shape, body] = BODIES.find(([path]) => path === request.url) ?? [];
  if (shape === undefined || body === undefined || asked.includes('please fail')) {
    response.writeHead(500).end('{"error":{"message":"overloaded"}}');
    return;
  }
  const { stream = false } = JSON.parse(asked);
  response.setHeader('content-type', stream ? 'text/event-stream' : 'application/json');
  if (!stream) response.end(JSON.stringify(body));
  else {
    const events = shape.replay(body, {}).map(shape.encode);
    const sent = asked.includes('please break') ? events.slice(0, 1) : [...events, shape.end];
    for (const event of sent) response.write(event);
    response.end();
  }
});
const listen = (server: Server) =>
  new Promise<string>((resolve) => {
    server.listen(0, '127.0.0.1', () =>
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    );
  });

/** In place of the cache: it refuses, or with 0 never answers. */
let brokenStatus = 0;
const broken = createServer((_, response) => {
  if (brokenStatus > 0) response.writeHead(brokenStatus).end('{"status":429}');
});

let server: TestServer;
let token: string;
let origin: string;
let brokenUrl: string;
beforeAll(async () => {
  server = await startServer();
  token = await new Operator(server).tenant('team', GENEROUS, { ...GENEROUS, tool: '*' });
  [origin, brokenUrl] = await Promise.all([listen(provider), listen(broken)]);
});
afterAll(async () => {
  for (const each of [provider, broken]) {
    each.closeAllConnections();
    each.close();
  }
  await server?.stop();
});
beforeEach(() => {
  calls = 0;
});

/** A `fetch` of the example, and a way to wait until what it stored has arrived. */
function wrapped(options: Partial<CacheOptions> = {}) {
  const sending: Promise<void>[] = [];
  const ask = cachedFetch({
    url: server.url,
    token,
    waitUntil: (sent) => void sending.push(sent),
    ...options,
  });
  return {
    settled: () => Promise.all(sending),
    ask: (path: string, question: string, more: Json = {}) =>
      ask(`${origin}${path}`, {
        method: 'POST',
        body: JSON.stringify({
          model: 'm',
          [path.endsWith('responses') ? 'input' : 'messages']: [{ role: 'user', content: question }],
          ...more,
        }),
      }),
  };
}

describe.each(BODIES)('fetch, %s', (path, shape, body) => {
  test('the same question twice asks the provider once, whole or as a stream', async () => {
    const { ask, settled } = wrapped();
    expect(await (await ask(path, 'whole first')).json()).toEqual(body);
    await settled();
    const again = await ask(path, 'whole first');
    expect(again.headers.get('x-bulkhead-cache')).toBe('hit');
    expect(await again.json()).toEqual(body);
    const streamed = await ask(path, 'whole first', { stream: true });
    expect(streamed.headers.get('content-type')).toContain('text/event-stream');
    expect(shape.collect(eventsOf(await streamed.text()))).toEqual(body);
    expect(calls).toBe(1);
  });

  test('a stream is passed on as it is, and stored whole', async () => {
    const { ask, settled } = wrapped();
    const first = await (await ask(path, 'stream first', { stream: true })).text();
    expect(shape.collect(eventsOf(first))).toEqual(body);
    await settled();
    expect(await (await ask(path, 'stream first', { stream: true })).text()).toBe(first);
    expect(await (await ask(path, 'stream first')).json()).toEqual(body);
    expect(calls).toBe(1);
  });

  test('a stream that broke is not stored', async () => {
    const { ask, settled } = wrapped();
    await (await ask(path, 'please break', { stream: true })).text();
    await settled();
    await (await ask(path, 'please break', { stream: true })).text();
    expect(calls).toBe(2);
  });
});

const CHAT = '/v1/chat/completions';

describe('fetch', () => {
  test('twenty that ask at once ask the provider once', async () => {
    const { ask } = wrapped();
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => (await ask(CHAT, 'at once')).json()),
    );
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(calls).toBe(1);
  });

  test('another question is another call', async () => {
    const { ask, settled } = wrapped();
    await (await ask(CHAT, 'one')).text();
    await settled();
    await (await ask(CHAT, 'two')).text();
    await (await ask(CHAT, 'one', { temperature: 1 })).text();
    expect(calls).toBe(3);
  });

  test('an error of the provider is passed on, and the next caller need not wait', async () => {
    const { ask, settled } = wrapped();
    for (let n = 0; n < 2; n++) {
      expect((await ask(CHAT, 'please fail')).status).toBe(500);
      await settled();
    }
    expect(calls).toBe(2);
  });
});

const FAILURES: readonly (readonly [string, () => Partial<CacheOptions>])[] = [
  ['down', () => ({ url: 'http://127.0.0.1:1' })],
  ['no URL', () => ({ url: 'nonsense' })],
  ['a wrong token', () => ({ token: 'wrong' })],
  ['slow', () => ({ url: brokenUrl, timeoutMs: 50 })],
];

describe('without a cache the provider is asked', () => {
  test.each(FAILURES)('%s', async (_, options) => {
    brokenStatus = 0;
    const { ask } = wrapped(options());
    expect((await ask(CHAT, 'failing open')).status).toBe(200);
    expect(calls).toBe(1);
  });

  test.each([200, 403, 429, 500, 503, 507])('it answers %s', async (status) => {
    brokenStatus = status;
    const { ask } = wrapped({ url: brokenUrl });
    expect((await ask(CHAT, 'failing open')).status).toBe(200);
    expect(calls).toBe(1);
  });
});

describe('the middleware of the AI SDK', () => {
  const usage = {
    inputTokens: { total: 3, noCache: 3, cacheRead: undefined, cacheWrite: undefined },
    outputTokens: { total: 4, text: 4, reasoning: undefined },
  };
  const finishReason = { unified: 'stop' as const, raw: 'stop' };
  /** A model that asks the provider over HTTP. */
  const counted = async () => {
    await fetch(`${origin}${CHAT}`, { method: 'POST', body: '{}' });
  };
  const model = (middleware: LanguageModelMiddleware) =>
    wrapLanguageModel({
      middleware,
      model: new MockLanguageModelV4({
        doGenerate: async () => {
          await counted();
          return { content: [{ type: 'text', text: 'Hello' }], finishReason, usage, warnings: [] };
        },
        doStream: async () => {
          await counted();
          return {
            stream: new ReadableStream({
              start: (controller) => {
                controller.enqueue({ type: 'stream-start', warnings: [] });
                controller.enqueue({ type: 'text-start', id: '1' });
                for (const delta of ['Hel', 'lo']) controller.enqueue({ type: 'text-delta', id: '1', delta });
                controller.enqueue({ type: 'text-end', id: '1' });
                controller.enqueue({ type: 'finish', finishReason, usage });
                controller.close();
              },
            }),
          };
        },
      }),
    });

  test.each(['generate', 'stream'])('%s first: the provider is asked once for both', async (first) => {
    const sending: Promise<void>[] = [];
    const cached = model(
      cacheMiddleware({ url: server.url, token, waitUntil: (sent) => void sending.push(sent) }),
    );
    const prompt = `${first} first`;
    const generate = async () => (await generateText({ model: cached, prompt })).text;
    const stream = async () => await streamText({ model: cached, prompt }).text;
    const [one, other] = first === 'generate' ? [generate, stream] : [stream, generate];
    expect(await one()).toBe('Hello');
    await Promise.all(sending);
    expect(await one()).toBe('Hello');
    expect(await other()).toBe('Hello');
    expect(calls).toBe(1);
  });

  test('without a cache the provider is asked', async () => {
    const cached = model(cacheMiddleware({ url: 'http://127.0.0.1:1', token }));
    expect((await generateText({ model: cached, prompt: 'p' })).text).toBe('Hello');
    expect(calls).toBe(1);
  });
});

describe('the hook for coding agents', () => {
  async function hook(input: unknown, env: Record<string, string> = {}) {
    const child = spawn(process.execPath, ['examples/scar-hook.ts'], {
      env: { BULKHEAD_URL: server.url, BULKHEAD_TOKEN: token, ...env },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    child.stdin.end(typeof input === 'string' ? input : JSON.stringify(input));
    const ended = new Promise((resolve) => child.on('close', resolve));
    const output = await text(child.stdout);
    return { code: await ended, output: output === '' ? undefined : JSON.parse(output).hookSpecificOutput };
  }
  const command = { tool_name: 'Bash', tool_input: { command: 'terraform apply -auto-approve staging' } };
  const error = 'Exit code 1\nLockTimeout: the state lock of staging is held by another run';
  const failed = { ...command, hook_event_name: 'PostToolUseFailure', session_id: 's1', error };

  test('it says before a command, and after its failure, what helped', async () => {
    expect(await hook(failed)).toEqual({ code: 0, output: undefined });
    const recorded = await fetch(`${server.url}/v1/tools/scar_record`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        tool: 'Bash',
        action: command.tool_input.command,
        error_type: 'LockTimeout',
        error_code: '1',
        error_message: error,
        resolution: 'Unlock the state first.',
      }),
    });
    expect(recorded.status).toBe(200);
    const after = await hook(failed);
    expect(after).toMatchObject({ code: 0, output: { hookEventName: 'PostToolUseFailure' } });
    expect(after.output.additionalContext).toContain('Unlock the state first.');
    const before = await hook({ ...command, hook_event_name: 'PreToolUse', session_id: 's2' });
    expect(JSON.stringify(before.output)).toContain('Unlock the state first.');
    const response = { exitCode: 1, stderr: 'LockTimeout: the state lock of staging is held by another run' };
    const post = await hook({ ...command, hook_event_name: 'PostToolUse', tool_response: response });
    expect(post.output.additionalContext).toContain('Unlock the state first.');
  });

  test.each<[string, unknown, Record<string, string>]>([
    [
      'a command that is not known',
      { tool_name: 'Bash', tool_input: { command: 'ls' }, hook_event_name: 'PreToolUse' },
      {},
    ],
    [
      'a success',
      { ...command, hook_event_name: 'PostToolUse', tool_response: { exitCode: 0, stdout: 'ok' } },
      {},
    ],
    ['no JSON', 'nonsense', {}],
    ['a wrong token', failed, { BULKHEAD_TOKEN: 'wrong' }],
    ['a server that is down', failed, { BULKHEAD_URL: 'http://127.0.0.1:1' }],
    ['no settings', failed, { BULKHEAD_URL: '' }],
  ])('it says nothing and exits with 0: %s', async (_, input, env) => {
    expect(await hook(input, env)).toEqual({ code: 0, output: undefined });
  });
});
