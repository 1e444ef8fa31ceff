import type { Readable, Writable } from 'node:stream';
import { LineSplitter } from '../json/lines.ts';
import { Bridge, MAX_LINE_BYTES } from './bridge.ts';
import type { Timeouts } from './guarded-fetch.ts';
import { type BridgeOptions, BridgeOptionsError, parseBridgeOptions } from './options.ts';
import { ClientOutput, Diagnostics } from './output.ts';
import { RemoteServer } from './remote.ts';
import { fixedToken, type TokenSource } from './tokens.ts';

const USAGE_ERROR = 2;

export interface StdioStreams {
  readonly input: Readable;
  readonly output: Writable;
  readonly errors: Writable;
}

/**
 * Bridges this process's stdin and stdout to a remote server until stdin ends, stdout is closed, or SIGTERM or SIGINT.
 * @returns the exit code: 0, or 2 after one line on stderr when an option is invalid
 */
export async function runBridge(options: BridgeOptions): Promise<number> {
  let url: URL;
  let tokens: TokenSource;
  try {
    const target = parseBridgeOptions(options);
    url = target.url;
    tokens = target.token === undefined ? await signedInTokens(url) : fixedToken(target.token);
  } catch (error) {
    if (!(error instanceof BridgeOptionsError)) throw error;
    process.stderr.write(`bulkhead: ${error.message}\n`);
    return USAGE_ERROR;
  }
  const { stdin, stdout, stderr } = process;
  const stop = () => stdin.destroy();
  process.once('SIGTERM', stop).once('SIGINT', stop);
  await bridgeStreams(url, tokens, { input: stdin, output: stdout, errors: stderr });
  process.off('SIGTERM', stop).off('SIGINT', stop);
  return 0;
}

/** The modules of the sign-in are loaded only where somebody signs in. */
async function signedInTokens(url: URL): Promise<TokenSource> {
  const { tokensOfUser } = await import('./login/user.ts');
  return tokensOfUser(url);
}

/**
 * Bridges a pair of streams. Resolves after the input has ended, or the output was closed, and the session was ended.
 */
export async function bridgeStreams(
  url: URL,
  tokens: TokenSource,
  { input, output: stdout, errors }: StdioStreams,
  timeouts?: Timeouts,
): Promise<void> {
  // A client that has closed stderr is served all the same.
  errors.on('error', () => {});
  const output = new ClientOutput(stdout, () => input.destroy());
  const remote = new RemoteServer(url, tokens, () => output.whenDrained(), timeouts);
  const bridge = new Bridge(remote, output, new Diagnostics(errors, tokens));
  const lines = new LineSplitter(bridge, MAX_LINE_BYTES);
  await new Promise<void>((resolve) => {
    input.on('data', (chunk: Buffer) => lines.push(chunk));
    input.once('end', resolve).once('close', resolve).once('error', resolve);
  });
  await bridge.close();
  tokens.close();
}
