import { parseStdioCommand, type StdioCommand, USAGE } from './stdio-options.ts';
import { run, usageError } from './terminal.ts';

/** Serves MCP on stdin and stdout. Stdout carries the protocol only; whatever else there is to say goes to stderr. */

/** How long a client that is slow to read is waited for at the end. */
const LAST_WORDS_MS = 1000;

type Local = Extract<StdioCommand, { name: 'local' }>;

await run(async () => {
  const command = parseStdioCommand(process.argv.slice(2), process.env);
  switch (command.name) {
    case 'help':
      console.error(USAGE);
      return;
    case 'local':
      return serve(command);
    case 'bridge': {
      const { runBridge } = await import('../bridge/serve.ts');
      process.exitCode = await runBridge(command);
    }
  }
});

async function serve({ data, verbose }: Local): Promise<void> {
  quietSqlite();
  const [{ serveLocal }, { DataError, dataDirectory }] = await Promise.all([
    import('../local/serve.ts'),
    import('../local/directory.ts'),
  ]);
  // A client that closed only this end of the connection is still served.
  process.stderr.on('error', () => {});
  try {
    await serveLocal({
      directory: data ?? dataDirectory(process.platform, process.env),
      logLevel: verbose ? 'info' : 'warn',
      input: process.stdin,
      output: process.stdout,
      errors: process.stderr,
      stop: signalled(),
    });
  } catch (error) {
    if (error instanceof DataError) throw usageError(error.message);
    throw error;
  }
  await written(process.stdout);
  // A client that reads no more does not keep the process.
  process.exit();
}

/** Resolves when the last answers are out, or when nobody has read them for a while. */
function written(output: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, LAST_WORDS_MS);
    output.write('', () => resolve());
  });
}

/** Keeps to itself that `node:sqlite` is experimental in this Node; other warnings are shown as ever. */
function quietSqlite(): void {
  const printers = process.listeners('warning');
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    if (warning.name === 'ExperimentalWarning' && warning.message.startsWith('SQLite ')) return;
    for (const print of printers) print(warning);
  });
}

function signalled(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // A second one ends the process in the system's own way.
    process.once(signal, () => controller.abort());
  }
  return controller.signal;
}
