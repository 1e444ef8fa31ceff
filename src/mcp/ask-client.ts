import { createHash } from 'node:crypto';
import {
  CLIENT_CAPABILITIES_META_KEY,
  type ClientCapabilities,
  type ElicitRequest,
  type ElicitRequestFormParams,
  type InputRequest,
  type InputRequiredResult,
  inputRequired,
  type RequestStateCodec,
  SdkError,
  SdkErrorCode,
  type ServerContext,
} from '@modelcontextprotocol/server';
import * as z from 'zod';
import type { Asked } from '../remote/run-remote-tool.ts';
import type { Question, Questions } from '../tools/ask.ts';
import { ToolError } from '../tools/errors.ts';
import type { KeptState } from './request-state.ts';

/** What is needed to ask the client of one call. */
export interface ClientAccess {
  readonly state: RequestStateCodec<KeptState>;
  /** The capabilities that a client of the 2025 revisions has declared in its session. */
  readonly capabilities: ClientCapabilities | undefined;
}

type Answers = Record<string, unknown>;
type Of<Kind extends Question['kind']> = Extract<Question, { kind: Kind }>;

const CAPABILITY = { elicit: 'elicitation', sample: 'sampling', roots: 'roots' } as const;

/** Where a client of 2026-07-28 declares with each call what it can be asked. */
const envelope = z.object({ [CLIENT_CAPABILITIES_META_KEY]: z.record(z.string(), z.unknown()) });

const elicited = z.union([
  z.looseObject({ action: z.literal('accept'), content: z.record(z.string(), z.unknown()).default({}) }),
  z.looseObject({ action: z.enum(['decline', 'cancel']) }),
]);
const sampled = z.looseObject({ content: z.unknown() });
const listed = z.looseObject({ roots: z.array(z.looseObject({ uri: z.string() })) });

/**
 * Asks the client of one call what a remote tool wants to know.
 *
 * A client of the 2025 revisions is sent a request while the call runs. A client of 2026-07-28 gets the questions as the
 * result of its call, and calls again with the answers and with a signed state, in which the answers to earlier questions
 * are kept. The state is valid for the same token, tool and arguments only: answers that come with the state of another
 * call are ignored and asked for again. Answers without a state are accepted, because the client speaks for its user.
 */
export class ClientQuestions {
  readonly #context: ServerContext;
  readonly #access: ClientAccess;
  readonly #call: Pick<KeptState, 'tool' | 'args'>;
  readonly #answers: Answers;
  #pending: Questions = {};

  constructor(context: ServerContext, access: ClientAccess, tool: string, args: unknown) {
    this.#context = context;
    this.#access = access;
    this.#call = { tool, args: createHash('sha256').update(JSON.stringify(args)).digest('base64url') };
    this.#answers = this.#isResumable ? this.#given() : {};
  }

  canAsk(kind: Question['kind']): boolean {
    const stated = envelope.safeParse(this.#context.mcpReq.envelope).data?.[CLIENT_CAPABILITIES_META_KEY];
    return (stated ?? this.#access.capabilities)?.[CAPABILITY[kind]] !== undefined;
  }

  async ask(questions: Questions): Promise<Asked> {
    const open = Object.entries(questions).filter(([key]) => !Object.hasOwn(this.#answers, key));
    if (this.#isResumable && open.length > 0) {
      this.#pending = Object.fromEntries(open);
      return { kind: 'pending' };
    }
    for (const [key, question] of open) this.#answers[key] = await this.#request(question);
    const answers = Object.entries(questions).map(([key, question]) => [
      key,
      answerOf(question, this.#answers[key]),
    ]);
    return { kind: 'answered', answers: Object.fromEntries(answers) };
  }

  /** The result that asks the client what the tool has asked last. */
  async toResult(): Promise<InputRequiredResult> {
    const inputRequests = Object.fromEntries(
      Object.entries(this.#pending).map(([key, question]) => [key, inputRequestOf(question)]),
    );
    const kept = { ...this.#call, answers: this.#answers, asked: Object.keys(this.#pending) };
    return inputRequired({ inputRequests, requestState: await this.#access.state.mint(kept, this.#context) });
  }

  /** Whether the client answers by another call. */
  get #isResumable(): boolean {
    return this.#context.mcpReq.envelope !== undefined;
  }

  /** The answers to what was asked in earlier runs of the same call. */
  #given(): Answers {
    const { mcpReq } = this.#context;
    const given = Object.entries(mcpReq.inputResponses ?? {});
    const kept = mcpReq.requestState<KeptState>();
    if (kept === undefined) return Object.fromEntries(given);
    if (kept.tool !== this.#call.tool || kept.args !== this.#call.args) return {};
    const answered = given.filter(([key]) => kept.asked.includes(key));
    return { ...kept.answers, ...Object.fromEntries(answered) };
  }

  async #request(question: Question): Promise<unknown> {
    const { mcpReq } = this.#context;
    try {
      switch (question.kind) {
        case 'elicit':
          return await mcpReq.elicitInput(elicitRequestOf(question).params);
        case 'sample':
          return await mcpReq.requestSampling(samplingParams(question));
        case 'roots':
          return await mcpReq.send({ method: 'roots/list' });
      }
    } catch (cause) {
      throw cause instanceof SdkError && UNABLE.has(cause.code) ? unableToAsk() : cause;
    }
  }
}

const samplingParams = ({ prompt, maxTokens }: Of<'sample'>) => ({
  messages: [{ role: 'user' as const, content: { type: 'text' as const, text: prompt } }],
  maxTokens,
});

function elicitRequestOf({ message, schema }: Of<'elicit'>): ElicitRequest {
  // A form in JSON Schema is the tool author's own; the client refuses what it cannot show.
  const requestedSchema =
    schema instanceof z.ZodObject ? schema : (schema as ElicitRequestFormParams['requestedSchema']);
  return inputRequired.elicit({ message, requestedSchema }) as ElicitRequest;
}

/** The question as a request that is embedded in a result. */
function inputRequestOf(question: Question): InputRequest {
  switch (question.kind) {
    case 'elicit':
      return elicitRequestOf(question);
    case 'sample':
      return inputRequired.createMessage(samplingParams(question));
    case 'roots':
      return inputRequired.listRoots();
  }
}

/** What the client has answered, checked. @throws ToolError `invalid_input` */
function answerOf(question: Question, given: unknown): unknown {
  switch (question.kind) {
    case 'elicit': {
      const answer = fitting(elicited, given);
      if (answer.action !== 'accept') return { action: answer.action };
      const { schema } = question;
      return {
        action: 'accept',
        content: schema instanceof z.ZodObject ? fitting(schema, answer.content) : answer.content,
      };
    }
    case 'sample':
      return { content: fitting(sampled, given).content };
    case 'roots':
      return fitting(listed, given).roots;
  }
}

function fitting<Schema extends z.ZodType>(schema: Schema, given: unknown): z.output<Schema> {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new ToolError(
    'invalid_input',
    'What the client has answered does not fit the question of the tool. Repeat the call and answer what is asked.',
  );
}

/** The client did not declare the capability, or its protocol revision has no such request. */
const unableToAsk = () =>
  new ToolError(
    'forbidden',
    'The tool has to ask its user something, which this client does not support. Use a client that supports it.',
  );

const UNABLE: ReadonlySet<SdkErrorCode> = new Set([
  SdkErrorCode.CapabilityNotSupported,
  SdkErrorCode.MethodNotSupportedByProtocolVersion,
]);
