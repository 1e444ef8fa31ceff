import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { unstable_readConfig } from 'wrangler';
import { bundle, modulesOf } from '../support/bundle.ts';

/** Builds a Worker as a deployment does and runs it on workerd alone: no proxy, no inspector, no wrapper around it. */

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const WORKERD: string = createRequire(import.meta.url)('workerd').default;
/**
 * Modules that the platform adds to workerd. It has no rate limiter: a valid credential never meets these fences, and here
 * they let everything pass. The `agents` package imports the class of an e-mail, which is never made here.
 */
const EXTENSIONS: Readonly<Record<string, string>> = {
  'bench:open-fence': 'export default () => ({ limit: async () => ({ success: true }) });',
  'cloudflare-internal:email': 'export class EmailMessage {} export default { EmailMessage };',
};

export interface WorkerSource {
  /** A name that no other Worker of the same folder has. */
  readonly name: string;
  /** The root of the project. Default: this one. */
  readonly root?: string;
  /** Paths of a wrangler configuration and of the entry, from the root of the project. */
  readonly config: string;
  readonly entry: string;
}

export interface BuiltWorker {
  readonly name: string;
  /** Where the bundle is. */
  readonly directory: string;
  readonly config: WranglerConfig;
}

export interface RunOptions {
  /** Variables and secrets, over those of the configuration. */
  readonly vars: Readonly<Record<string, string>>;
  /** A folder for the Durable Objects' databases; it is created when absent. */
  readonly storage: string;
}

export interface RunningWorker {
  readonly origin: string;
  readonly pid: number;
  /** The file that the Worker logs to. */
  readonly logFile: string;
  /** Ends the process at once, as a crash does. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** The part of a wrangler configuration that workerd needs. */
interface WranglerConfig {
  readonly compatibility_date: string;
  readonly compatibility_flags: readonly string[];
  readonly vars: Readonly<Record<string, string>>;
  readonly durable_objects: { readonly bindings: readonly { name: string; class_name: string }[] };
  readonly ratelimits: readonly { name: string }[];
}

/** Builds a Worker into a folder of `parent`, with the wrangler of its own project. */
export function buildWorker({ name, root = ROOT, config, entry }: WorkerSource, parent: string): BuiltWorker {
  const directory = join(parent, name);
  bundle({ root, config, entry }, directory);
  return { name, directory, config: unstable_readConfig({ config: join(root, config) }) };
}

let runs = 0;

/** Starts a built Worker on a free port of this machine. */
export async function runWorker(built: BuiltWorker, options: RunOptions): Promise<RunningWorker> {
  mkdirSync(options.storage, { recursive: true });
  const run = ++runs;
  // workerd resolves the files of a bundle relative to the configuration.
  const configFile = join(built.directory, `workerd-${run}.capnp`);
  writeFileSync(configFile, capnp(built, options));
  const logFile = join(built.directory, `log-${run}`);
  const log = openSync(logFile, 'w');
  const child = spawn(WORKERD, ['serve', configFile, '--control-fd=3'], {
    stdio: ['ignore', log, log, 'pipe'],
  });
  closeSync(log);
  const port = await portOf(child);
  if (port === undefined || child.pid === undefined)
    throw new Error(`workerd did not start: ${readFileSync(logFile, 'utf8')}`);
  const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
    if (child.kill(signal)) await once(child, 'exit');
  };
  return {
    origin: `http://127.0.0.1:${port}`,
    pid: child.pid,
    logFile,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
  };
}

/** The same configuration in the language of workerd (workerd.capnp). */
function capnp({ directory, config }: BuiltWorker, { vars, storage }: RunOptions): string {
  const text = (value: string) => JSON.stringify(value);
  const list = (items: readonly string[]) => `[${items.join(', ')}]`;
  const objects = config.durable_objects.bindings;
  const modules = modulesOf(directory).map(
    ({ file, isText }) => `(name = ${text(file)}, ${isText ? 'text' : 'esModule'} = embed ${text(file)})`,
  );
  const bindings = [
    ...Object.entries({ ...config.vars, ...vars }).map(([name, value]) => [name, `text = ${text(value)}`]),
    ...objects.map(({ name, class_name }) => [name, `durableObjectNamespace = ${text(class_name)}`]),
    ...config.ratelimits.map(({ name }) => [name, 'wrapped = (moduleName = "bench:open-fence")']),
  ].map(([name = '', what]) => `(name = ${text(name)}, ${what})`);
  const classes = objects.map(({ class_name }) => text(class_name));
  const extensions = Object.entries(EXTENSIONS).map(
    ([name, code]) => `(name = ${text(name)}, internal = true, esModule = ${text(code)})`,
  );
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "internet", network = (allow = ["public", "private"])),
    (name = "disk", disk = (path = ${text(storage)}, writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
  extensions = [(modules = ${list(extensions)})],
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

/** workerd announces its sockets on a pipe; a process that ends closes it. */
async function portOf(child: ChildProcess): Promise<string | undefined> {
  for await (const announced of child.stdio[3] as Readable) {
    const [, port] = /"port":(\d+)/.exec(String(announced)) ?? [];
    if (port !== undefined) return port;
  }
  return undefined;
}
