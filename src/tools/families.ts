/**
 * The families of tools. Everything that depends on the families is derived from this file: the scopes of tokens, the
 * `?tools=` filter, the OpenAPI document, the resource metadata, the operator's API, the command line and the tests.
 * To declare a family of your own, add one line to `FAMILY_DESCRIPTIONS` (docs/add-a-tool.md shows all the steps).
 */

/** The families with scopes of their own, each with its description for API documents. */
const FAMILY_DESCRIPTIONS = {
  blackboard: 'Shared state of agents: versioned cells, claims on work, and a log of changes.',
  scar: 'Memory of failures: what failed, and which fix worked.',
  cache: 'Cached responses of language models.',
} as const satisfies Readonly<Record<string, string>>;

export type Family = keyof typeof FAMILY_DESCRIPTIONS;

/** What a token may be allowed to do: read or write the data of one family. */
export type Scope = `${Family}:${'read' | 'write'}`;

/** The family of tools about the tenant itself. It has no scopes, because every valid token may call its tools. */
export const UNSCOPED_FAMILY = 'tenant';

/** The families with scopes, in the order in which clients see them. */
export const FAMILIES: readonly Family[] = Object.keys(FAMILY_DESCRIPTIONS).filter(isFamily);

/** Every scope that a token can have. */
export const SCOPES: readonly Scope[] = FAMILIES.flatMap(
  (family) => [`${family}:read`, `${family}:write`] as const,
);

/** The description of a family for API documents; undefined for a family that is not declared here. */
export function describeFamily(family: string): string | undefined {
  if (family === UNSCOPED_FAMILY) return 'The limits of the tenant and how much of them is used.';
  return isFamily(family) ? FAMILY_DESCRIPTIONS[family] : undefined;
}

function isFamily(name: string): name is Family {
  return Object.hasOwn(FAMILY_DESCRIPTIONS, name);
}

/** The family of a tool: the first word of its name. */
export function familyOf(tool: { readonly name: string }): string {
  const end = tool.name.indexOf('_');
  return end === -1 ? tool.name : tool.name.slice(0, end);
}
