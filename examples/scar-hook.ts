/**
 * A hook for coding agents: warns before a command that has failed before, and says after a failure what fixed it.
 *
 * It reads the JSON of one hook from stdin, in the form of Claude Code (`PreToolUse`, `PostToolUse`, `PostToolUseFailure`), and
 * prints what the agent is to read. It fails open: without an answer in time it prints nothing, and it always exits with 0.
 * Environment: `BULKHEAD_URL`, `BULKHEAD_TOKEN` with the scope `scar:read`, and `BULKHEAD_PROJECT` if failures are kept apart.
 */
import { text } from 'node:stream/consumers';

const TIMEOUT_MS = 2000;
const MAX_CHARS = 4000;

type Fields = Readonly<Record<string, unknown>>;

interface Hook {
  readonly event: string;
  readonly tool: string;
  /** What the agent does, in one text: the command of a shell, or the input of another tool. */
  readonly action: string;
  readonly session: string | undefined;
  /** How it failed; undefined if it did not. */
  readonly failure: string | undefined;
}

async function main(): Promise<void> {
  const hook = readHook(JSON.parse(await text(process.stdin)));
  if (hook === undefined) return;
  const output = hook.event === 'PreToolUse' ? await before(hook) : await after(hook);
  if (output !== undefined)
    process.stdout.write(JSON.stringify({ hookSpecificOutput: { hookEventName: hook.event, ...output } }));
}

function readHook(input: unknown): Hook | undefined {
  const fields = fieldsOf(input);
  const { hook_event_name: event, tool_name: tool, tool_input: given, session_id: session } = fields;
  if (typeof event !== 'string' || typeof tool !== 'string') return undefined;
  const { command } = fieldsOf(given);
  return {
    event,
    tool,
    action: cut(typeof command === 'string' ? command : `${tool} ${JSON.stringify(given ?? {})}`),
    session: typeof session === 'string' ? session.slice(0, 128) : undefined,
    failure: failureOf(fields),
  };
}

/** `PostToolUseFailure` has `error`; agents that report failures in `PostToolUse` have them in the response of the tool. */
function failureOf({ error, tool_response: response }: Fields): string | undefined {
  if (typeof error === 'string' && error !== '') return cut(error);
  const { is_error, exit_code, exitCode = exit_code, stderr, stdout, error: inside } = fieldsOf(response);
  const hasFailed = is_error === true || (typeof exitCode === 'number' && exitCode !== 0) || Boolean(inside);
  if (!hasFailed) return undefined;
  const told = [inside, stderr, stdout].filter((part) => typeof part === 'string' && part.trim() !== '');
  return cut([...told, ...(typeof exitCode === 'number' ? [`exit code ${exitCode}`] : [])].join('\n'));
}

async function before({ tool, action, session }: Hook): Promise<Fields | undefined> {
  const answer = await call('scar_check', {
    action,
    tool,
    ...project(),
    ...(session && { run_id: session }),
  });
  const { verdict, scars } = answer;
  if (verdict !== 'stop' && verdict !== 'caution') return undefined;
  const { resolution } = fieldsOf(fieldsOf(Array.isArray(scars) ? scars[0] : undefined).known_fix);
  const advice = typeof resolution === 'string' ? ` What helped: ${resolution}` : '';
  const warning = cut(`This failed before (${String(answer.reason)}).${advice}${RECORDED}`);
  return verdict === 'stop'
    ? { permissionDecision: 'ask', permissionDecisionReason: warning }
    : { additionalContext: warning };
}

async function after({ tool, action, failure }: Hook): Promise<Fields | undefined> {
  if (failure === undefined) return undefined;
  const code = /exit (?:code|status) (\d{1,3})/i.exec(failure)?.[1];
  const { match, resolution } = await call('scar_lookup', {
    error_type: /\b[A-Z]\w{0,60}(?:Error|Exception|Timeout)\b/.exec(failure)?.[0] ?? 'CommandFailed',
    error_message: failure,
    context: action,
    tool,
    ...(code && { error_code: code }),
    ...project(),
  });
  if (typeof resolution !== 'string' || (match !== 'exact' && match !== 'similar')) return undefined;
  const known = match === 'exact' ? 'This failure is known' : 'A similar failure is known';
  return { additionalContext: cut(`${known}. What helped: ${resolution}${RECORDED}`) };
}

/** What others stored is information, which the agent must not take for an instruction of its user. */
const RECORDED = ' (Recorded by an agent; check that it applies here.)';

const project = () => {
  const name = process.env.BULKHEAD_PROJECT;
  return name ? { project: name } : {};
};

async function call(tool: string, args: Fields): Promise<Fields> {
  const { BULKHEAD_URL: url, BULKHEAD_TOKEN: token } = process.env;
  const response = await fetch(`${url}/v1/tools/${tool}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(args),
    signal: AbortSignal.timeout(TIMEOUT_MS),
    redirect: 'error',
  });
  return response.ok ? fieldsOf(await response.json()) : {};
}

const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
const cut = (long: string) => long.slice(0, MAX_CHARS).toWellFormed();

// An agent must not stop because its memory of failures cannot be asked.
main().catch(() => undefined);
