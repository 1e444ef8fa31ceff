import { readFileSync } from 'node:fs';

const POLL_MS = 250;

/**
 * Calls `onEnd` when npm, which started this process, has ended. A signal can miss this process: nobody can pass on
 * SIGKILL, and the shell in which npm runs a script ends at SIGTERM without passing it on. Does nothing when this
 * process was not started by npm, because an ordinary shell may end before its background commands.
 */
export function watchNpm(onEnd: () => void): void {
  const script = process.env.npm_lifecycle_script;
  if (script === undefined) return;
  const parent = process.ppid;
  const npm = isShellOf(script, parent) ? parentOf(parent) : undefined;
  const timer = setInterval(() => {
    if (process.ppid === parent && isAlive(parent) && (npm === undefined || parentOf(parent) === npm)) return;
    clearInterval(timer);
    onEnd();
  }, POLL_MS);
  timer.unref();
}

/**
 * Whether a process is the shell in which npm runs `script`. False where this cannot be found out: macOS, whose shell
 * replaces itself by the command, so that npm is the parent, and Windows.
 */
function isShellOf(script: string, pid: number): boolean {
  return procFile(pid, 'cmdline')?.split('\0').includes(script) ?? false;
}

/** See proc_pid_stat(5): the name of the program, in parentheses, may contain anything. */
function parentOf(pid: number): number | undefined {
  const [, ppid] = /.*\) \S (\d+)/s.exec(procFile(pid, 'stat') ?? '') ?? [];
  return ppid === undefined ? undefined : Number(ppid);
}

function procFile(pid: number, name: 'cmdline' | 'stat'): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // A process of another user cannot be signalled, but it is there.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
