import { execFile, spawn } from 'node:child_process';
import * as z from 'zod';
import { calledOf, type Endpoint, type Open } from './client.ts';
import { packageBin } from './package-bin.ts';

const BIN = packageBin('@modelcontextprotocol/inspector', 'mcp-inspector');
/** Below the guard of a test, so that a command never outlives its test. */
const COMMAND_MS = 60_000;
/** Where Node keeps the compiled code of the Inspector, which starts once a request. */
const { NODE_COMPILE_CACHE } = process.env;
/** The tool answered with `isError`: the result is on stdout all the same. */
const TOOL_ERROR = 5;

export type Era = 'legacy' | 'auto' | 'modern';

const Output = z.object({ result: z.unknown() });
const Failure = z.object({ error: z.object({ code: z.string(), message: z.string() }) });
const Tools = z.looseObject({ tools: z.array(z.looseObject({ name: z.string() })) });

/** The command line of the Inspector, one process a request. */
export class Inspector {
  readonly #home: string;

  /** @param home where it may write */
  constructor(home: string) {
    this.#home = home;
  }

  open(era: Era): Open {
    return async (endpoint) => ({
      // Strict: a schema that other clients could not take is an error.
      list: async () => {
        const { tools } = Tools.parse(await this.run(endpoint, era, ['--method', 'tools/list', '--strict']));
        return tools.map(({ name }) => name);
      },
      call: async (name, args) => {
        const words = ['--method', 'tools/call', '--tool-name', name];
        return calledOf(await this.run(endpoint, era, [...words, '--tool-args-json', JSON.stringify(args)]));
      },
      close: async () => {},
    });
  }

  /**
   * One request.
   * @throws with the exit code, the code and the message of the command
   */
  run({ origin, token }: Endpoint, era: Era, words: readonly string[]): Promise<unknown> {
    const args = [BIN, '--cli', `${origin}/mcp`, '--transport', 'http', '--protocol-era', era];
    args.push('--header', `Authorization: Bearer ${token}`, '--stored-auth-only');
    args.push('--format', 'json', '--quiet', ...words);
    const env = { HOME: this.#home, NODE_COMPILE_CACHE };
    const options = { env, timeout: COMMAND_MS, killSignal: 'SIGKILL' } as const;
    return new Promise((resolve, reject) => {
      const child = execFile(process.execPath, args, options, (_, stdout, stderr) => {
        const said = stdout.trim();
        if (said !== '' && (child.exitCode === 0 || child.exitCode === TOOL_ERROR)) {
          resolve(Output.parse(JSON.parse(said)).result);
        } else reject(failureOf(child.exitCode, stderr));
      });
    });
  }
}

/**
 * One request of an Inspector that is given the URL alone.
 * @param callback a loopback URL that it listens on
 * @param visit the person at the page that it names
 */
export async function runSignedIn(
  home: string,
  url: string,
  era: Era,
  words: readonly string[],
  callback: string,
  visit: (page: URL) => Promise<URL>,
): Promise<unknown> {
  const args = [BIN, '--cli', url, '--protocol-era', era, '--callback-url', callback, '--format', 'json'];
  // It opens a browser unless it has a terminal; without a PATH it finds none, and names the page on stderr.
  const env = { HOME: home, PATH: '', MCP_AUTO_OPEN_ENABLED: 'true', NODE_COMPILE_CACHE };
  const child = spawn(process.execPath, [...args, '--quiet', ...words], { env, timeout: COMMAND_MS });
  let [stdout, stderr] = ['', ''];
  let visited: Promise<Response> | undefined;
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
    const [, page] = /(http:\/\/\S+\/authorize\?\S+)\s/.exec(stderr) ?? [];
    if (page !== undefined) visited ??= visit(new URL(page)).then((back) => fetch(back));
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  await (await visited)?.body?.cancel();
  if (code !== 0) throw failureOf(code, stderr);
  return Output.parse(JSON.parse(stdout)).result;
}

function failureOf(exitCode: number | null, stderr: string): Error {
  const last = stderr.trimEnd().split('\n').at(-1) ?? '';
  if (!last.startsWith('{')) return new Error(`exit ${exitCode}: ${stderr}`);
  const { error } = Failure.parse(JSON.parse(last));
  return new Error(`exit ${exitCode}: ${error.code}: ${error.message}`);
}
