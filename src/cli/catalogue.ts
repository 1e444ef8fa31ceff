import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { catalogue } from '../catalogue.ts';
import { instructionsFor } from '../mcp/instructions.ts';
import { listing, TOOL_FAMILIES } from '../tools/catalogue.ts';
import { familyOf } from '../tools/families.ts';
import { helpOnly, run, table } from './terminal.ts';

const CATALOGUE_USAGE = `Usage: npm run -s catalogue

Prints how much the list of tools adds to the prompt of a model, in tokens of o200k_base: name, description and
input schema, which models see, and apart from them what clients read. For each tool, each family and all.`;

interface Cost {
  /** Name, description and input schema. */
  readonly model: number;
  readonly description: number;
  /** Title, output schema and annotations: clients do not pass them on to the model. */
  readonly client: number;
}

const tokensOf = (value: unknown) => countTokens(JSON.stringify(value));

function costOf(tool: (typeof catalogue.tools)[number]): Cost {
  const { name, description, inputSchema, ...rest } = listing(tool);
  return {
    model: tokensOf({ name, description, inputSchema }),
    description: countTokens(description),
    client: tokensOf(rest),
  };
}

function sumOf(tools: typeof catalogue.tools): Cost {
  const costs = tools.map(costOf);
  const sum = (part: keyof Cost) => costs.reduce((total, cost) => total + cost[part], 0);
  return { model: sum('model'), description: sum('description'), client: sum('client') };
}

const row = (name: string, cost: Cost) => [
  name,
  ...[cost.model, cost.description, cost.client].map((tokens) => String(tokens)),
];

await run(async () => {
  if (helpOnly(process.argv.slice(2), CATALOGUE_USAGE)) return;
  const families = TOOL_FAMILIES.map((family) => {
    const tools = catalogue.tools.filter((tool) => familyOf(tool) === family);
    return row(`?tools=${family}`, sumOf(tools));
  });
  const rows = [
    ['tokens', 'seen by a model', 'of it description', 'read by clients only'],
    ...catalogue.tools.map((tool) => row(tool.name, costOf(tool))),
    [''],
    ...families,
    row('all', sumOf(catalogue.tools)),
  ];
  console.log(table(rows));
  console.log(
    `\nThe instructions of the server add ${countTokens(instructionsFor(TOOL_FAMILIES))}. Each model counts in its own way.`,
  );
});
