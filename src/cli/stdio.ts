import type { Collector } from '../telemetry/otel/post.ts';
import { readCollector } from '../telemetry/otel/settings.ts';
import { watchNpm } from './parent-watch.ts';
import { parseStdioCommand, STDIO_USAGE, type StdioCommand } from './stdio-options.ts';
import { run, usageError } from './terminal.ts';

/** Serves MCP on stdin and stdout. stdout carries only protocol messages; everything else is written to stderr. */

/** How long to wait, before the process ends, for a slow client to read the last answers. */
const FLUSH_MS = 1000;

type Local = Extract<StdioCommand, { name: 'local' }>;

await run(async () => {
  const command = parseStdioCommand(process.argv.slice(2), process.env);
  switch (command.name) {
    case 'help':
      console.log(STDIO_USAGE);
      return;
    case 'local':
      return serve(command);
    case 'bridge': {
      const { runBridge } = await import('../bridge/serve.ts');
      process.exitCode = await runBridge(command);
      return;
    }
    case 'logout': {
      const { runLogout } = await import('../bridge/login/user.ts');
      process.exitCode = await runLogout(command.url);
    }
  }
});

async function serve({ data, verbose }: Local): Promise<void> {
  const [{ serveLocal }, { DataError }, { dataDirectory }] = await Promise.all([
    import('../local/serve.ts'),
    import('../local/directory.ts'),
    import('../files/user-directories.ts'),
  ]);
  // A client that reads no log is still served.
  process.stderr.on('error', () => {});
  try {
    await serveLocal({
      directory: data ?? dataDirectory(process.platform, process.env),
      logLevel: verbose ? 'info' : 'warn',
      collector: collectorOfEnvironment(),
      input: process.stdin,
      output: process.stdout,
      errors: process.stderr,
      stop: stopSignal(),
    });
  } catch (error) {
    if (error instanceof DataError) throw usageError(error.message);
    throw error;
  }
  await flushed(process.stdout);
  // Unread output would otherwise keep the process alive.
  process.exit();
}

function collectorOfEnvironment(): Collector | undefined {
  const read = readCollector(process.env);
  if ('problem' in read) throw usageError(`${read.problem}. Set it in the environment of this command.`);
  return read.collector;
}

/** Resolves when all output has been read, or after a second. */
function flushed(output: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, FLUSH_MS);
    output.write('', () => resolve());
  });
}

/** Aborted by the first SIGINT or SIGTERM, or when npm, which started this, has ended. A second signal ends the process at once. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = () => controller.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
  watchNpm(stop);
  return controller.signal;
}
