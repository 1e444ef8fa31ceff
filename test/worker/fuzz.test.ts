import { afterEach, expect, inject, test, vi } from 'vitest';
import { RefusalDelay } from '../../src/edge/http/refusal-delay.ts';
import { COALESCE_MS } from '../../src/telemetry/coalesce.ts';
import { type Answered, faultsOf, type Line, lineFaults, missingFaults } from '../support/fuzz/invariants.ts';
import { MUTATION_NAMES, mutate } from '../support/fuzz/mutations.ts';
import { Random } from '../support/fuzz/random.ts';
import { bytesOf, type FuzzRequest } from '../support/fuzz/request.ts';
import { ROUTE_NAMES } from '../support/fuzz/routes.ts';
import { makeRequest } from '../support/fuzz/templates.ts';
import { CANARY, createWorld, type World } from '../support/fuzz/world.ts';
import { send } from '../support/http.ts';

/**
 * Sends mutated requests to every route in every era, and holds each answer against the same invariants.
 *
 * `FUZZ_SEED=7 FUZZ_REQUESTS=1000 npx vitest run --project worker test/worker/fuzz.test.ts --reporter=verbose` repeats a
 * run, and prints what it tried. A run without a seed draws one; a failure names it.
 */

declare module 'vitest' {
  interface ProvidedContext {
    fuzzSeed: string;
    fuzzRequests: string;
  }
}

const TIMEOUT_MS = 600_000;
const AT_ONCE = 24;
/** How long an endless stream is read, and how long any answer may take. */
const STREAM_MS = 20;
const ANSWER_MS = 15_000;
/** Faults that are shown; the rest is counted. */
const MAX_SHOWN = 12;

afterEach(() => void vi.restoreAllMocks());

const requests = Number(inject('fuzzRequests'));
const seed = Number(inject('fuzzSeed'));

async function readBody(response: Response): Promise<Pick<Answered, 'text' | 'whole'>> {
  if (response.body === null) return { text: '', whole: true };
  if (!response.headers.get('content-type')?.startsWith('text/event-stream'))
    return { text: await response.text(), whole: true };
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  const late = new Promise<'late'>((resolve) => setTimeout(resolve, STREAM_MS, 'late'));
  for (;;) {
    const read = await Promise.race([reader.read(), late]);
    if (read === 'late') {
      await reader.cancel();
      return { text, whole: false };
    }
    if (read.done) return { text, whole: true };
    text += decoder.decode(read.value, { stream: true });
  }
}

async function answerTo(request: FuzzRequest, traceId: string): Promise<Answered> {
  const { method, path, headers, body } = request;
  const bodyless = method === 'GET' || method === 'HEAD' || body === undefined;
  const traceparent = `00-${traceId}-${'1'.repeat(16)}-01`;
  const response = await send(path, {
    method,
    headers: { traceparent, ...headers },
    ...(bodyless ? {} : { body: bytesOf(body) }),
  });
  return {
    request,
    traceId,
    status: response.status,
    headers: response.headers,
    ...(await readBody(response)),
  };
}

/** The answer, or undefined when the request cannot be sent at all or was not answered in time. */
async function answerInTime(
  request: FuzzRequest,
  traceId: string,
): Promise<Answered | 'unanswered' | 'unsent'> {
  try {
    new Request(`https://mcp.test${request.path}`, { method: request.method, headers: request.headers });
  } catch {
    return 'unsent';
  }
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<'unanswered'>((resolve) => {
    timer = setTimeout(resolve, ANSWER_MS, 'unanswered');
  });
  const answer = await Promise.race([answerTo(request, traceId), late]);
  clearTimeout(timer);
  return answer;
}

class Report {
  readonly #counts = new Map<string, Map<string, number>>();
  readonly faults: string[] = [];

  count(what: string, name: string): void {
    const counts = this.#counts.get(what) ?? new Map<string, number>();
    this.#counts.set(what, counts.set(name, (counts.get(name) ?? 0) + 1));
  }

  of(what: string): ReadonlyMap<string, number> {
    return this.#counts.get(what) ?? new Map();
  }

  fault(
    fault: string,
    { route, era, method, path, headers, body, mutations }: FuzzRequest,
    answer: string,
  ): void {
    const sent = body === undefined ? '' : new TextDecoder().decode(bytesOf(body)).slice(0, 600);
    const { authorization: _, ...shown } = headers;
    this.faults.push(
      `${fault}\n  ${era} ${route}: ${mutations.join(', ') || 'as it is'}\n  ${method} ${path.slice(0, 200)} ${JSON.stringify(shown).slice(0, 400)}\n  ${sent}\n  -> ${answer.slice(0, 400)}`.toWellFormed(),
    );
  }

  toString(): string {
    const tables = [...this.#counts].map(([what, counts]) => {
      const rows = [...counts]
        .sort(([, a], [, b]) => b - a)
        .map(([name, n]) => `${String(n).padStart(7)}  ${name}`);
      return `${what}\n${rows.join('\n')}`;
    });
    return tables.join('\n');
  }
}

/** The lines that were written, by the trace that they belong to. */
function linesByTrace(printed: readonly (readonly unknown[])[]): Map<string, Line[]> {
  const lines = new Map<string, Line[]>();
  for (const [text] of printed) {
    const line: Line = JSON.parse(String(text));
    const trace = String(line.trace_id);
    lines.set(trace, [...(lines.get(trace) ?? []), line]);
  }
  return lines;
}

async function run(world: World, random: Random, report: Report): Promise<Answered[]> {
  const answers: Answered[] = [];
  let left = requests;
  const work = async () => {
    while (left-- > 0) {
      const request = mutate(makeRequest(random, world), random, world);
      const traceId = random.hex(32);
      const answer = await answerInTime(request, traceId);
      report.count('route', request.route);
      report.count('era', request.era);
      for (const mutation of request.mutations) report.count('mutation', mutation);
      report.count('status', String(typeof answer === 'string' ? answer : answer.status));
      if (answer === 'unanswered') report.fault('no answer', request, '');
      else if (answer !== 'unsent') answers.push(answer);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return answers;
}

test(
  'no request gets a failure, a secret or a second line, and afterwards all is well',
  async ({ annotate }) => {
    const printed = vi.spyOn(console, 'log').mockImplementation(() => {});
    // Nearly all requests are refused, and the delay of these has tests of its own.
    vi.spyOn(RefusalDelay.prototype, 'pass').mockResolvedValue(0);
    const world = await createWorld();
    const report = new Report();
    const answers = await run(world, new Random(seed), report);
    // The counts of repeated refusals are written a second later, at the latest with another line.
    await new Promise((resolve) => setTimeout(resolve, 2 * COALESCE_MS));
    await (await send('/nothing')).body?.cancel();
    const lines = linesByTrace(printed.mock.calls);
    for (const answer of answers) {
      // A trace that the server has drawn itself is known from the answer only.
      const traced =
        'traceparent' in answer.request.headers ? [] : lineFaults(answer, lines.get(answer.traceId) ?? []);
      for (const fault of [...faultsOf(answer, world), ...traced])
        report.fault(
          fault,
          answer.request,
          `${answer.status} ${answer.text} ${JSON.stringify(lines.get(answer.traceId) ?? [])}`,
        );
    }
    report.faults.push(...missingFaults(answers, lines));
    await annotate(`seed ${seed}\n${report}`, 'fuzz');
    const shown = [
      ...new Map(report.faults.map((fault) => [fault.split('\n').slice(0, 1).join(), fault])).values(),
    ];
    expect(
      report.faults.length,
      `seed ${seed}: ${report.faults.length} faults\n${[...shown, ...report.faults].slice(0, MAX_SHOWN).join('\n')}`,
    ).toBe(0);
    expect(new Set(report.of('mutation').keys())).toEqual(new Set(MUTATION_NAMES));
    expect(ROUTE_NAMES.filter((name) => !report.of('route').has(name))).toEqual([]);
    expect((await world.tenant.call('tenant_limits')).isError).toBeUndefined();
    const { structuredContent } = await world.canary.call('blackboard_read', {
      run_id: 'shared-run',
      keys: ['plan/2'],
    });
    expect(structuredContent.entries).toMatchObject([{ value: { text: CANARY, n: 2 } }]);
  },
  TIMEOUT_MS,
);
