// The entry of the npm scripts: plain JavaScript, so that what is missing is told in one sentence, whatever Node runs it.
import { existsSync } from 'node:fs';
import module from 'node:module';

const [command] = process.argv.splice(2, 1);
// The local server runs where the tools of a developer are not.
const needed = command === 'stdio' ? '@modelcontextprotocol/server' : 'wrangler';

function problem() {
  if (!existsSync(new URL(`../../node_modules/${needed}`, import.meta.url))) {
    return 'The dependencies are not installed: run `npm ci` first.';
  }
  if (!process.features.typescript) {
    return `Bulkhead needs Node 22.18 or later, and this is Node ${process.versions.node}: install a newer Node, then run \`npm ci\` again.`;
  }
  return undefined;
}

const found = problem();
if (found === undefined) {
  // A client waits for this one each time it starts: what Node made of the sources is kept for the next time.
  if (command === 'stdio') module.enableCompileCache();
  await import(new URL(`./${command}.ts`, import.meta.url).href);
} else {
  console.error(found);
  process.exitCode = 1;
}
