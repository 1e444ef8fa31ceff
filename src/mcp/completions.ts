import type { Server } from '@modelcontextprotocol/server';
import * as z from 'zod';
import { clip } from '../telemetry/redact.ts';
import { suggestArgument } from '../tools/suggest.ts';
import type { Scope } from '../tools/tool.ts';
import { CELL_URI_TEMPLATE } from '../transport-tools/cell-uri.ts';
import { askTenant, protocolError } from './ask-tenant.ts';
import { COMPLETION_SOURCES, type CompletionSource, type FilledIn } from './completion-sources.ts';
import { invalidParams } from './invalid-params.ts';
import { findPrompt } from './prompts/find-prompt.ts';
import type { PublishedTools, ToolFilter } from './published-tools.ts';
import { callerOf, type ServerBinding } from './server-binding.ts';

const MAX_NAME_SHOWN = 64;

/** Checked by hand, so that a refusal names what is wrong in a sentence. */
const completeParams = z.object({
  ref: z.unknown().optional(),
  argument: z.unknown().optional(),
  context: z.unknown().optional(),
});
const promptRef = z.object({ type: z.literal('ref/prompt'), name: z.unknown().optional() });
const resourceRef = z.object({ type: z.literal('ref/resource'), uri: z.unknown().optional() });
const argumentOf = z.object({ name: z.string(), value: z.string() });
const contextOf = z.object({ arguments: z.record(z.string(), z.unknown()) });

/** What can be completed of the resource template. */
const TEMPLATE_ARGUMENTS = { run_id: 'boards', key: 'keys' } as const;

/** The values that are wanted; `source` is undefined for an argument that is free text. */
interface Completion {
  readonly source: CompletionSource | undefined;
  readonly typed: string;
  readonly filledIn: FilledIn;
}

/**
 * Serves MCP's `completion/complete`. What is stored comes from one call of an internal tool, whose scope decides who sees
 * it: a token that may read a board may complete its keys, whichever prompts it is offered.
 */
export function serveCompletions(server: Server, binding: ServerBinding): void {
  server.setRequestHandler('completion/complete', { params: completeParams }, async (params, { mcpReq }) => {
    const { source, typed, filledIn } = readCompletion(params, binding.tools, binding.toolFilter);
    if (source === undefined) return answer([], false);
    const { tool, args } = COMPLETION_SOURCES[source];
    const caller = callerOf(binding, server, mcpReq);
    const outcome = await askTenant(binding, tool, args(typed, filledIn), caller);
    if (outcome.ok) return answer(outcome.value.values, outcome.value.more);
    // Refused arguments are a name that nothing can have.
    if (outcome.error.code === 'invalid_input') return answer([], false);
    throw protocolError(outcome.error);
  });
}

const answer = (values: string[], hasMore: boolean) => ({ completion: { values, hasMore } });

/** The scope that a completion needs; undefined for one that needs none, or is refused. */
export function scopeOfCompletion(
  params: unknown,
  tools: PublishedTools,
  filter: ToolFilter,
): Scope | 'any' | undefined {
  try {
    const { source } = readCompletion(completeParams.parse(params), tools, filter);
    return source && COMPLETION_SOURCES[source].tool.scope;
  } catch {
    return undefined;
  }
}

/** @throws ProtocolError that names what is wrong and what to do */
function readCompletion(
  { ref, argument, context }: z.output<typeof completeParams>,
  tools: PublishedTools,
  filter: ToolFilter,
): Completion {
  const sources = sourcesOf(ref, tools, filter);
  const wanted = argumentOf.safeParse(argument).data;
  if (wanted === undefined)
    throw invalidParams('argument must be an object with name and value, both text.', { field: 'argument' });
  const names = Object.keys(sources);
  if (!Object.hasOwn(sources, wanted.name)) throw unknownArgument(wanted.name, names);
  const given = Object.entries(contextOf.safeParse(context).data?.arguments ?? {});
  // An empty text is what a form sends for a field that is blank.
  const filledIn = given.flatMap(([name, value]) =>
    typeof value === 'string' && value !== '' ? [[name, value] as const] : [],
  );
  return { source: sources[wanted.name], typed: wanted.value, filledIn: Object.fromEntries(filledIn) };
}

type Sources = Readonly<Record<string, CompletionSource | undefined>>;

/** The arguments of what `ref` refers to, with where their values come from. */
function sourcesOf(ref: unknown, tools: PublishedTools, filter: ToolFilter): Sources {
  const named = promptRef.safeParse(ref).data;
  if (named !== undefined) {
    const prompt = findPrompt(named.name, (tool) => tools.find(tool, filter) !== undefined);
    return Object.fromEntries(
      Object.entries(prompt.arguments).map(([name, { completes }]) => [name, completes]),
    );
  }
  const resource = resourceRef.safeParse(ref).data;
  if (resource?.uri === CELL_URI_TEMPLATE) return TEMPLATE_ARGUMENTS;
  if (resource !== undefined)
    throw invalidParams(`ref.uri must be the resource template ${CELL_URI_TEMPLATE}.`, {
      field: 'ref.uri',
      allowed: [CELL_URI_TEMPLATE],
    });
  const forms = ['{"type":"ref/prompt","name":…}', '{"type":"ref/resource","uri":…}'];
  throw invalidParams(`ref must be ${forms.join(' or ')}.`, {
    field: 'ref',
    allowed: ['ref/prompt', 'ref/resource'],
  });
}

function unknownArgument(name: string, known: readonly string[]) {
  const shown = clip(name, MAX_NAME_SHOWN).toWellFormed();
  const meant = suggestArgument(shown, known);
  const remedy = meant === undefined ? '' : `Did you mean ${meant}? `;
  return invalidParams(
    `Unknown argument "${shown}" in argument.name. ${remedy}The arguments are: ${known.join(', ')}.`,
    {
      field: 'argument.name',
      allowed: [...known],
      unknown: [meant === undefined ? { name: shown } : { name: shown, did_you_mean: meant }],
    },
  );
}
