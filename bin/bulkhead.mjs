#!/usr/bin/env node
// The command `bulkhead`, in a clone and in a package. Plain JavaScript that any Node runs, so that it can find a newer one.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const USAGE = `bulkhead stdio [--data DIR] [--verbose]        serve MCP on standard input and output, with data of its own
bulkhead stdio --url URL [--token-file FILE]   the same, as a bridge to a Bulkhead elsewhere
bulkhead --version
bulkhead --help
`;
const NODE_TOO_OLD = `Bulkhead needs Node 22.18 or later, and this is Node ${process.versions.node}: install a newer Node.\n`;

/** Set for the newer Node, which must not look for another one. */
const STARTED_AGAIN = 'BULKHEAD_STARTED_AGAIN';

const here = (path) => new URL(path, import.meta.url);
const [command] = process.argv.slice(2);

if (command === '--help' || command === '-h') {
  process.stdout.write(USAGE);
} else if (command === '--version') {
  process.stdout.write(`${JSON.parse(readFileSync(here('../package.json'), 'utf8')).version}\n`);
} else if (command !== 'stdio') {
  process.stderr.write(USAGE);
  process.exitCode = 2;
} else if (process.features.typescript) {
  await serve();
} else if (process.env[STARTED_AGAIN] === undefined) {
  serveWithNewerNode();
} else {
  // The newer one was told by its options to do without what is needed here.
  nodeTooOld();
}

async function serve() {
  const source = here('../src/cli/run.mjs');
  if (existsSync(source)) {
    await import(source.href);
    return;
  }
  process.argv.splice(2, 1);
  await import(here('../dist/cli/stdio.mjs').href);
}

/** Runs this file by the Node that comes as an optional dependency, and ends as that ends. */
function serveWithNewerNode() {
  const node = newerNode();
  if (node === undefined) {
    nodeTooOld();
    return;
  }
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, [STARTED_AGAIN]: '1' },
  });
  child.on('error', nodeTooOld);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

function nodeTooOld() {
  process.stderr.write(NODE_TOO_OLD);
  process.exitCode = 1;
}

function newerNode() {
  try {
    return createRequire(import.meta.url).resolve(`node-${process.platform}-${process.arch}/bin/node`);
  } catch {
    return undefined;
  }
}
