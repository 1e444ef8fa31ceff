import { unstable_startWorker } from 'wrangler';
import * as z from 'zod';

/**
 * The Worker under wrangler's development server. `npm start` runs this file in a child process.
 *
 * It differs from the command `wrangler dev` in two ways. It ends, with everything that it started, when its standard
 * input ends, which happens however the parent process ends. And it opens no inspector: any process of the machine
 * could connect to that without a credential and read the Worker's memory.
 */

/** How long wrangler may take to clean up before its processes are killed. */
const DISPOSE_MS = 3000;

/** The one argument of this program, as JSON. */
const optionsSchema = z.object({ port: z.int(), vars: z.record(z.string(), z.string()) });
export type DevServerOptions = z.infer<typeof optionsSchema>;

const { port, vars } = optionsSchema.parse(JSON.parse(process.argv[2] ?? ''));
// A terminal sends Ctrl-C to every process in it. The parent process decides when this one ends.
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});

const starting = unstable_startWorker({
  config: 'wrangler.toml',
  bindings: Object.fromEntries(
    Object.entries(vars).map(([name, value]) => [name, { type: 'plain_text' as const, value }]),
  ),
  dev: {
    remote: false,
    watch: true,
    inspector: false,
    server: { hostname: '127.0.0.1', port, secure: false },
  },
});
process.stdin.on('end', end).on('error', end).resume();

function end(): void {
  setTimeout(kill, DISPOSE_MS);
  void starting.then((worker) => worker.dispose()).then(kill, kill);
}

/** Ends this process and, where the parent made it the leader of a process group, all that it started. */
function kill(): void {
  if (process.platform !== 'win32') process.kill(0, 'SIGKILL');
  process.exit();
}
