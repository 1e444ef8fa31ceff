import { parseAst } from 'vite';

/** What the source of a tool refers to, read from its syntax tree. */
export interface SourceUse {
  /** Modules that it imports for more than their types. */
  readonly imports: readonly string[];
  /** Names that it uses and does not declare. */
  readonly globals: readonly string[];
  /** Ways around names: dynamic imports, `import.meta`, and members that lead to a global object. */
  readonly detours: readonly string[];
}

type Node = { readonly type: string; readonly [member: string]: unknown };

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';

/** Members that lead from any value to the functions that compile text. */
const LEADS_OUT = ['constructor', '__proto__', '__defineGetter__', '__lookupGetter__'];
/** Parts of a node that are names of members, not uses of names. */
const NAMES: Readonly<Record<string, string>> = {
  MemberExpression: 'property',
  Property: 'key',
  MethodDefinition: 'key',
  PropertyDefinition: 'key',
  ImportSpecifier: 'imported',
  ExportSpecifier: 'exported',
};
/** Types have no effect. These wrap expressions. */
const TYPED = ['TSAsExpression', 'TSNonNullExpression', 'TSSatisfiesExpression', 'TSParameterProperty'];

/** Reads what TypeScript code refers to. */
export function usesOf(code: string): SourceUse {
  const imports = new Set<string>();
  const used = new Set<string>();
  const declared = new Set<string>();
  const detours = new Set<string>();

  const declare = (pattern: unknown): void => {
    if (!isNode(pattern)) return;
    if (pattern.type === 'Identifier') declared.add(String(pattern.name));
    for (const part of ['left', 'argument', 'value', 'parameter'])
      if (isNode(pattern[part])) declare(pattern[part]);
    for (const part of ['elements', 'properties'])
      for (const element of Array.isArray(pattern[part]) ? pattern[part] : []) declare(element);
  };
  const visitMember = (node: Node): void => {
    const { property } = node;
    if (!isNode(property)) return;
    const name = node.computed === true ? property.value : property.name;
    if (LEADS_OUT.includes(String(name))) detours.add(String(name));
    if (isNode(node.object) && `${node.object.name}.${name}` === 'Date.now') detours.add('Date.now');
    if (isNode(node.object) && `${node.object.name}.${name}` === 'Math.random') detours.add('Math.random');
  };
  const visitDeclaration = (node: Node): void => {
    if (node.type === 'VariableDeclarator') declare(node.id);
    if (/^(?:Function|ArrowFunction|Class)/.test(node.type)) {
      declare(node.id);
      for (const parameter of Array.isArray(node.params) ? node.params : []) declare(parameter);
    }
    if (node.type === 'CatchClause') declare(node.param);
    if (/^Import(?:Default|Namespace)?Specifier$/.test(node.type)) declare(node.local);
  };
  const visit = (node: Node): void => {
    if (node.type.startsWith('TS') && !TYPED.includes(node.type)) return;
    if (node.type === 'ImportDeclaration' || /^Export(?:All|Named)Declaration$/.test(node.type)) {
      const { source } = node;
      const isForTypes = node.importKind === 'type' || node.exportKind === 'type';
      if (isNode(source) && !isForTypes) imports.add(String(source.value));
      // What is passed on is not used here.
      if (isNode(source) && node.type.startsWith('Export')) return;
    }
    if (node.type === 'ImportExpression') detours.add('import()');
    if (node.type === 'MetaProperty' && isNode(node.meta) && node.meta.name === 'import')
      detours.add('import.meta');
    if (node.type === 'NewExpression' && isNode(node.callee) && node.callee.name === 'Date') {
      if (Array.isArray(node.arguments) && node.arguments.length === 0) detours.add('new Date()');
    }
    if (node.type === 'MemberExpression') visitMember(node);
    visitDeclaration(node);
    if (node.type === 'Identifier') used.add(String(node.name));
    const isName = (member: string) =>
      member === NAMES[node.type] && node.computed !== true && node.shorthand !== true;
    for (const [member, value] of Object.entries(node)) {
      if (isName(member) || /^type(?:Annotation|Arguments|Parameters)$/.test(member)) continue;
      if (member === 'expression' || !TYPED.includes(node.type))
        for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) visit(child);
    }
  };
  visit(parseAst(code, { lang: 'ts' }) as unknown as Node);
  return {
    imports: [...imports],
    globals: [...used].filter((name) => !declared.has(name)),
    detours: [...detours],
  };
}
