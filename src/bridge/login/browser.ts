import { spawn } from 'node:child_process';

type Env = Readonly<Record<string, string | undefined>>;

/** The program that opens a URL, and its arguments before the URL. `BROWSER` names another, as for many command line tools. */
export function browserCommand(platform: NodeJS.Platform, env: Env): readonly [string, ...string[]] {
  if (env.BROWSER !== undefined && env.BROWSER !== '') return [env.BROWSER];
  if (platform === 'darwin') return ['open'];
  // Unlike `start`, it does not pass the URL through a shell, where `&` has a meaning.
  if (platform === 'win32') return ['rundll32', 'url.dll,FileProtocolHandler'];
  return ['xdg-open'];
}

/**
 * Opens a URL in the user's browser. Nothing is reported when that fails, because the URL is also written to stderr.
 * The program gets none of this process's streams: stdout carries the protocol.
 */
export function openBrowser(url: URL, platform: NodeJS.Platform, env: Env): void {
  const [program, ...args] = browserCommand(platform, env);
  const child = spawn(program, [...args, url.href], { stdio: 'ignore', detached: true });
  child.on('error', () => {});
  child.unref();
}
