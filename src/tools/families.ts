/**
 * The families of tools. Everything that depends on the families is derived from this file: the scopes of tokens, the
 * `?tools=` filter, the OpenAPI document, the resource metadata, the operator's API, the command line and the tests.
 * To declare a family of your own, add one line to `FAMILY_TEXTS` (docs/add-a-tool.md shows all the steps).
 */

/** What is told of a family: a description for API documents, and for models when to use it. */
interface FamilyTexts {
  readonly description: string;
  readonly use: string;
}

/** The families with scopes of their own. */
const FAMILY_TEXTS = {
  blackboard: {
    description: 'Shared state of agents: versioned cells, claims on work, and a log of changes.',
    use: 'share plans, work and results with other agents; look there before you start, and claim an item before you work on it.',
  },
  scar: {
    description: 'Memory of failures: what failed, and which fix worked.',
    use: 'scar_check before a risky action, scar_lookup after a failure and before a retry, scar_record for a new one, scar_resolve when you know whether a fix worked.',
  },
  cache: {
    description: 'Cached responses of language models.',
    use: 'for programs that call language models: look up a response before the call, store it after.',
  },
} as const satisfies Readonly<Record<string, FamilyTexts>>;

export type Family = keyof typeof FAMILY_TEXTS;

/** Reading what every agent of the tenant did. It is nobody's by default, and no document or list of scopes names it. */
export const RECORDS_SCOPE = 'records:read';

/** Managing the tenant's connections to its own systems. Nobody has it by default either. */
export const CONNECTIONS_SCOPE = 'connections:write';

/** Reading the calls that wait for a person's yes. To decide one, a member needs it as well. Nobody has it by default. */
export const APPROVALS_SCOPE = 'approvals:write';

/** Issuing, narrowing and revoking the tenant's tokens, within what one holds. Nobody has it by default either. */
export const TOKENS_SCOPE = 'tokens:write';

/** What a token may be allowed to do: read or write the data of one family, or administer a part of the tenant. */
export type Scope =
  | `${Family}:${'read' | 'write'}`
  | typeof RECORDS_SCOPE
  | typeof CONNECTIONS_SCOPE
  | typeof APPROVALS_SCOPE
  | typeof TOKENS_SCOPE;

/** The family of tools about the tenant itself. It has no scopes, because every valid token may call its tools. */
export const UNSCOPED_FAMILY = 'tenant';

/** The families with scopes, in the order in which clients see them. */
export const FAMILIES: readonly Family[] = Object.keys(FAMILY_TEXTS).filter(isFamily);

/** The scopes of the families: what a token has unless something else is asked for, and what clients are told of. */
export const SCOPES: readonly Scope[] = FAMILIES.flatMap(
  (family) => [`${family}:read`, `${family}:write`] as const,
);

/** Every scope that a token can have. */
export const ALL_SCOPES: readonly Scope[] = [
  ...SCOPES,
  RECORDS_SCOPE,
  CONNECTIONS_SCOPE,
  APPROVALS_SCOPE,
  TOKENS_SCOPE,
];

/** The description of a family for API documents; undefined for a family that is not declared here. */
export function describeFamily(family: string): string | undefined {
  if (family === UNSCOPED_FAMILY) return 'The limits of the tenant and how much of them is used.';
  return isFamily(family) ? FAMILY_TEXTS[family].description : undefined;
}

/** When a model should use the tools of a family; undefined for the family without scopes, whose tools say so themselves. */
export const useOfFamily = (family: string): string | undefined =>
  isFamily(family) ? FAMILY_TEXTS[family].use : undefined;

function isFamily(name: string): name is Family {
  return Object.hasOwn(FAMILY_TEXTS, name);
}

/** The family of a tool: the first word of its name. */
export function familyOf(tool: { readonly name: string }): string {
  const end = tool.name.indexOf('_');
  return end === -1 ? tool.name : tool.name.slice(0, end);
}
