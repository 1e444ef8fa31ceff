// The entry of the npm scripts: plain JavaScript, so that what is missing is told in one sentence, whatever Node runs it.
import { existsSync } from 'node:fs';

function problem() {
  if (!existsSync(new URL('../../node_modules/wrangler', import.meta.url))) {
    return 'The dependencies are not installed: run `npm ci` first.';
  }
  if (!process.features.typescript) {
    return `Bulkhead needs Node 22.18 or later, and this is Node ${process.versions.node}: install a newer Node, then run \`npm ci\` again.`;
  }
  return undefined;
}

const found = problem();
if (found === undefined) {
  const [command] = process.argv.splice(2, 1);
  await import(new URL(`./${command}.ts`, import.meta.url).href);
} else {
  console.error(found);
  process.exitCode = 1;
}
