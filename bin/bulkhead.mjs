#!/usr/bin/env node
// The command `bulkhead`, in a clone and in a package. Plain JavaScript, so that an old Node can run it and start a newer one.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const USAGE = `bulkhead stdio [--data DIR] [--verbose]        serve MCP on standard input and output, with local data
bulkhead stdio --url URL [--token-file FILE]   serve MCP as a bridge to another Bulkhead server
bulkhead stdio --url URL --login               the same, without a token: sign in once, in the browser
bulkhead stdio --url URL --logout              forget that sign-in
bulkhead --version
bulkhead --help
`;

/** Set for the newer Node, so that it does not start yet another one. */
const STARTED_AGAIN = 'BULKHEAD_STARTED_AGAIN';

const here = (path) => new URL(path, import.meta.url);
const [command] = process.argv.slice(2);
const { version, engines } = JSON.parse(readFileSync(here('../package.json'), 'utf8'));
const [, major, minor] = /(\d+)\.(\d+)/.exec(engines.node);

if (command === '--help' || command === '-h') {
  process.stdout.write(USAGE);
} else if (command === '--version') {
  process.stdout.write(`${version}\n`);
} else if (command !== 'stdio') {
  process.stderr.write(USAGE);
  process.exitCode = 2;
} else if (isNewEnough()) {
  await serve();
} else if (process.env[STARTED_AGAIN] === undefined) {
  serveWithNewerNode();
} else {
  // The Node that was started in place of this one is too old as well.
  nodeTooOld();
}

function isNewEnough() {
  const [ownMajor, ownMinor] = process.versions.node.split('.');
  return Number(ownMajor) > Number(major) || (ownMajor === major && Number(ownMinor) >= Number(minor));
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

/** Runs this file with the Node that is installed as an optional dependency, and ends with its exit code. */
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
  process.stderr.write(
    `Bulkhead needs Node ${major}.${minor} or later, and this is Node ${process.versions.node}. Install a newer Node.\n`,
  );
  process.exitCode = 1;
}

function newerNode() {
  try {
    return createRequire(import.meta.url).resolve(`node-${process.platform}-${process.arch}/bin/node`);
  } catch {
    return undefined;
  }
}
