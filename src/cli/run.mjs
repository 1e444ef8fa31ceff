// The entry of the npm scripts. Plain JavaScript, so that any Node can run it and say what is missing.
import { existsSync, readFileSync } from 'node:fs';
import module from 'node:module';

const [command] = process.argv.splice(2, 1);
// The local server also runs where the development dependencies are not installed.
const needed = command === 'stdio' ? '@modelcontextprotocol/server' : 'wrangler';

function problem() {
  const packageJson = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const [, major, minor] = /(\d+)\.(\d+)/.exec(JSON.parse(packageJson).engines.node);
  const [ownMajor, ownMinor] = process.versions.node.split('.');
  if (!existsSync(new URL(`../../node_modules/${needed}`, import.meta.url))) {
    return 'The dependencies are not installed. Run `npm ci` first.';
  }
  if (Number(ownMajor) < Number(major) || (ownMajor === major && Number(ownMinor) < Number(minor))) {
    return `Bulkhead needs Node ${major}.${minor} or later, and this is Node ${process.versions.node}. Install a newer Node, then run \`npm ci\` again.`;
  }
  if (!process.features.typescript) {
    return 'Bulkhead needs the TypeScript support of Node, which is turned off here. Remove --no-strip-types from NODE_OPTIONS.';
  }
  return undefined;
}

const found = problem();
if (found === undefined) {
  // Clients and scripts start these commands often and wait for them: compiled code is cached for the next start.
  module.enableCompileCache();
  await import(new URL(`./${command}.ts`, import.meta.url).href);
} else {
  console.error(found);
  process.exitCode = 1;
}
