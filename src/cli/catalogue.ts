import { catalogue } from '../catalogue.ts';
import { listing, TOOL_FAMILIES } from '../tools/catalogue.ts';
import { familyOf } from '../tools/families.ts';
import { helpOnly, run, table } from './terminal.ts';

const CATALOGUE_USAGE = `Usage: npm run -s catalogue

Prints how much the list of tools adds to the prompt of a model: bytes of JSON for each tool, for each
family and for all, and an estimate in tokens.`;

/** Each model has its own tokens. Four bytes of JSON are a common estimate. */
const BYTES_PER_TOKEN = 4;

const PARTS = ['bytes', 'description', 'input', 'output'] as const;
type Cost = Readonly<Record<(typeof PARTS)[number], number>>;

const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value));

function costOf(tool: (typeof catalogue.tools)[number]): Cost {
  const { description, inputSchema, outputSchema } = listing(tool);
  return {
    bytes: bytesOf(listing(tool)),
    description: bytesOf(description),
    input: bytesOf(inputSchema),
    output: bytesOf(outputSchema),
  };
}

function sumOf(tools: typeof catalogue.tools): Cost {
  const costs = tools.map(costOf);
  const sum = (part: keyof Cost) => costs.reduce((total, cost) => total + cost[part], 0);
  return { bytes: sum('bytes'), description: sum('description'), input: sum('input'), output: sum('output') };
}

const row = (name: string, cost: Cost) => [
  name,
  String(Math.ceil(cost.bytes / BYTES_PER_TOKEN)),
  ...PARTS.map((part) => String(cost[part])),
];

await run(async () => {
  if (helpOnly(process.argv.slice(2), CATALOGUE_USAGE)) return;
  const families = TOOL_FAMILIES.map((family) => {
    const tools = catalogue.tools.filter((tool) => familyOf(tool) === family);
    return row(`?tools=${family}`, sumOf(tools));
  });
  const rows = [
    ['', 'tokens, about', ...PARTS],
    ...catalogue.tools.map((tool) => row(tool.name, costOf(tool))),
    [''],
    ...families,
    row('all', sumOf(catalogue.tools)),
  ];
  console.log(table(rows));
  console.log(`\nTokens are an estimate: bytes / ${BYTES_PER_TOKEN}. Each model counts in its own way.`);
});
