import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from './commands.ts';

export interface Ran {
  readonly command: Command;
  /** Of the shell; undefined when the shell did not reach the command. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that prints until it is interrupted, and how long it may, in seconds. */
const OPEN_ENDED = 'curl -sN';
const OPEN_ENDED_S = 2;
/** What the shell reports for a command that ran until it was terminated. */
export const TERMINATED = 143;

export const isOpenEnded = (command: Command) => command.text.startsWith(OPEN_ENDED);

/**
 * Runs the commands of one document in one shell, as a reader does who pastes them one after the other.
 * @param options.replace texts of the document that stand for those of this run
 */
export async function runInOneShell(
  commands: readonly Command[],
  options: { cwd: string; env: Record<string, string>; replace: readonly (readonly [string, string])[] },
): Promise<Ran[]> {
  const results = mkdtempSync(join(tmpdir(), 'bulkhead-documents-'));
  const at = (index: number, kind: 'out' | 'err' | 'code') => join(results, `${index}.${kind}`);
  const lines = commands.map((command, index) => {
    const replaced = options.replace.reduce((left, [from, to]) => left.replaceAll(from, to), command.text);
    const text = isOpenEnded(command) ? `${replaced} &\nsleep ${OPEN_ENDED_S}; kill $!; wait $!` : replaced;
    return `{ ${text}\n} >${at(index, 'out')} 2>${at(index, 'err')}; echo $? >${at(index, 'code')}`;
  });
  await new Promise<void>((resolve) => {
    const child = execFile('bash', ['-c', lines.join('\n')], { cwd: options.cwd, env: options.env }, () =>
      resolve(),
    );
    child.stdin?.end();
  });
  const read = (path: string) => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return undefined;
    }
  };
  return commands.map((command, index) => {
    const code = read(at(index, 'code'));
    return {
      command,
      code: code === undefined ? undefined : Number(code),
      stdout: read(at(index, 'out')) ?? '',
      stderr: read(at(index, 'err')) ?? '',
    };
  });
}
