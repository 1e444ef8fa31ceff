import type { Readable, Writable } from 'node:stream';
import { Bridge } from './bridge.ts';
import { LineSplitter } from './lines.ts';
import { Output, Report } from './output.ts';
import { Remote, type Timeouts } from './remote.ts';
import { readTarget, type Target, TargetError, type TargetOptions } from './target.ts';

const USAGE_ERROR = 2;

export interface Streams {
  readonly input: Readable;
  readonly output: Writable;
  readonly errors: Writable;
}

/**
 * Serves the remote server on stdin and stdout until the input ends, or the process is told to.
 * @returns the exit code
 */
export async function runBridge(options: TargetOptions): Promise<number> {
  let target: Target;
  try {
    target = readTarget(options);
  } catch (error) {
    if (!(error instanceof TargetError)) throw error;
    process.stderr.write(`bulkhead: ${error.message}\n`);
    return USAGE_ERROR;
  }
  const { stdin, stdout, stderr } = process;
  const stop = () => stdin.destroy();
  process.once('SIGTERM', stop).once('SIGINT', stop);
  await carry(target, { input: stdin, output: stdout, errors: stderr });
  process.off('SIGTERM', stop).off('SIGINT', stop);
  return 0;
}

/** Carries messages until the input ends, or nobody reads the output. */
export async function carry(target: Target, streams: Streams, timeouts?: Timeouts): Promise<void> {
  const { input, output: stdout, errors } = streams;
  // A client that reads no errors is served all the same.
  errors.on('error', () => {});
  const output = new Output(stdout, () => input.destroy());
  const remote = new Remote(target, () => output.drained(), timeouts);
  const bridge = new Bridge(remote, output, new Report(errors, target.token));
  const lines = new LineSplitter(bridge);
  await new Promise<void>((resolve) => {
    input.on('data', (chunk: Buffer) => lines.push(chunk));
    input.once('end', resolve).once('close', resolve).once('error', resolve);
  });
  await bridge.end();
}
