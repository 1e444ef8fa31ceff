import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, extname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { unstable_readConfig } from 'wrangler';

/** Builds a Worker as a deployment does and runs it on workerd alone: no proxy, no inspector, no wrapper around it. */

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const WORKERD: string = createRequire(import.meta.url)('workerd').default;
const TICKS_PER_S = 100;
/** How workerd takes a file of a bundle, by its extension; other files are not part of the Worker. */
const MODULE_KINDS: Readonly<Record<string, string>> = { '.js': 'esModule', '.sql': 'text' };
// workerd has no rate limiter. A good credential never meets these fences; here they let everything pass.
const OPEN_FENCE = 'export default () => ({ limit: async () => ({ success: true }) });';

export interface WorkerSource {
  /** Paths of a wrangler configuration and of the entry, from the root of the project. */
  readonly config: string;
  readonly entry: string;
  /** Variables and secrets, over those of the configuration. */
  readonly vars: Readonly<Record<string, string>>;
}

export interface RunningWorker {
  readonly origin: string;
  /** What the Worker writes to its log. */
  readonly logFile: string;
  /** Processor time, user and system, since the process began. */
  cpuSeconds(): number;
  stop(): Promise<void>;
}

/** Builds a Worker and starts it on a free port, in a folder of `parent` that is named after its entry. */
export async function startWorker(source: WorkerSource, parent: string): Promise<RunningWorker> {
  const directory = join(parent, basename(source.entry, '.ts'));
  mkdirSync(join(directory, 'storage'), { recursive: true });
  build(source, directory);
  const configFile = join(directory, 'workerd.capnp');
  writeFileSync(configFile, capnp(source, directory));
  const logFile = join(directory, 'log');
  const log = openSync(logFile, 'w');
  const child = spawn(WORKERD, ['serve', configFile, '--control-fd=3'], {
    stdio: ['ignore', log, log, 'pipe'],
  });
  const port = await portOf(child);
  if (port === undefined) throw new Error(`workerd did not start: ${readFileSync(logFile, 'utf8')}`);
  return {
    origin: `http://127.0.0.1:${port}`,
    logFile,
    cpuSeconds: () => cpuSeconds(child),
    stop: async () => {
      if (child.kill()) await once(child, 'exit');
    },
  };
}

function build({ config, entry }: WorkerSource, outdir: string): void {
  const wrangler = join(ROOT, 'node_modules/wrangler/bin/wrangler.js');
  const args = [wrangler, 'deploy', entry, '--config', config, '--dry-run', '--outdir', outdir];
  execFileSync(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, WRANGLER_SEND_METRICS: 'false', WRANGLER_SEND_ERROR_REPORTS: 'false' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** What the bench needs of a wrangler configuration. */
interface WranglerConfig {
  readonly compatibility_date: string;
  readonly compatibility_flags: readonly string[];
  readonly vars: Readonly<Record<string, string>>;
  readonly durable_objects: { readonly bindings: readonly { name: string; class_name: string }[] };
  readonly ratelimits: readonly { name: string }[];
}

/** The same configuration in the language of workerd (workerd.capnp). */
function capnp(source: WorkerSource, directory: string): string {
  const config: WranglerConfig = unstable_readConfig({ config: join(ROOT, source.config) });
  const text = (value: string) => JSON.stringify(value);
  const list = (items: readonly string[]) => `[${items.join(', ')}]`;
  const objects = config.durable_objects.bindings;
  const modules = readdirSync(directory)
    .filter((file) => extname(file) in MODULE_KINDS)
    // The first module is the entry.
    .sort((a, b) => Number(extname(b) === '.js') - Number(extname(a) === '.js'))
    .map((file) => `(name = ${text(file)}, ${MODULE_KINDS[extname(file)]} = embed ${text(file)})`);
  const bindings = [
    ...Object.entries({ ...config.vars, ...source.vars }).map(([name, value]) => [
      name,
      `text = ${text(value)}`,
    ]),
    ...objects.map(({ name, class_name }) => [name, `durableObjectNamespace = ${text(class_name)}`]),
    ...config.ratelimits.map(({ name }) => [name, 'wrapped = (moduleName = "bench:open-fence")']),
  ].map(([name = '', what]) => `(name = ${text(name)}, ${what})`);
  const classes = objects.map(({ class_name }) => text(class_name));
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "disk", disk = (path = ${text(join(directory, 'storage'))}, writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
  extensions = [(modules = [(name = "bench:open-fence", internal = true, esModule = ${text(OPEN_FENCE)})])],
);
const worker :Workerd.Worker = (
  modules = ${list(modules)},
  compatibilityDate = ${text(config.compatibility_date)},
  compatibilityFlags = ${list(config.compatibility_flags.map(text))},
  bindings = ${list(bindings)},
  durableObjectNamespaces = ${list(classes.map((name) => `(className = ${name}, uniqueKey = ${name}, enableSql = true)`))},
  durableObjectStorage = (localDisk = "disk"),
);
`;
}

/** workerd tells of its sockets on a pipe; a process that ends closes it. */
async function portOf(child: ChildProcess): Promise<string | undefined> {
  for await (const told of child.stdio[3] as Readable) {
    const [, port] = /"port":(\d+)/.exec(String(told)) ?? [];
    if (port !== undefined) return port;
  }
  return undefined;
}

/** Fields 14 and 15 of /proc/<pid>/stat (proc(5), Linux only), counted from behind the command's name. */
function cpuSeconds(child: ChildProcess): number {
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}
