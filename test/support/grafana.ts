import * as z from 'zod';

/** The types of Grafana's own schema for the options of a panel, by the type of the panel. */
const PANELS = { stat: 'Stat', timeseries: 'TimeSeries' } as const;

const dashboardSchema = z.looseObject({
  panels: z.array(
    z.looseObject({
      id: z.int(),
      type: z.enum(['stat', 'timeseries']),
      options: z.looseObject({}),
      fieldConfig: z.looseObject({ defaults: z.looseObject({ custom: z.looseObject({}).default({}) }) }),
    }),
  ),
});

/** A module in which the compiler compares a dashboard with the schema of Grafana. @param json of the dashboard */
export function dashboardModule(json: string): string {
  const { panels } = dashboardSchema.parse(JSON.parse(json));
  const constant = (name: string, type: string, value: unknown) =>
    `export const ${name}: Json<${type}> = ${JSON.stringify(value)};`;
  return [
    "import type { Dashboard } from '@grafana/schema';",
    ...Object.entries(PANELS).map(
      ([type, name]) =>
        `import type * as ${type} from '@grafana/schema/dist/esm/raw/composable/${type}/panelcfg/x/${name}PanelCfg_types.gen';`,
    ),
    // In JSON a member of an enum is its value.
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a type of TypeScript
    'type Json<T> = T extends string ? `${T}` : T extends object ? { [K in keyof T]: Json<T[K]> } : T;',
    constant('dashboard', 'Dashboard', JSON.parse(json)),
    ...panels.map(({ id, type, options }) => constant(`options${id}`, `Partial<${type}.Options>`, options)),
    ...panels
      .filter(({ type }) => type === 'timeseries')
      .map(({ id, fieldConfig }) =>
        constant(`field${id}`, 'Partial<timeseries.FieldConfig>', fieldConfig.defaults.custom),
      ),
  ].join('\n');
}
