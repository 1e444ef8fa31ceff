import { parseAst } from 'vite';

/** What the source of a tool refers to, read from its syntax tree. */
export interface SourceUse {
  /** Modules that it imports for more than their types. */
  readonly imports: readonly string[];
  /** Names that it uses where no declaration of the file is in scope. */
  readonly globals: readonly string[];
  /** Ways around names: dynamic imports, `import.meta`, members that lead to a global object, and values that hide a clock. */
  readonly detours: readonly string[];
}

type Node = { readonly type: string; readonly [member: string]: unknown };
/** The names that one block, function or file declares. */
type Scope = Set<string>;

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
const childrenOf = (node: Node): (readonly [member: string, child: Node])[] =>
  Object.entries(node).flatMap(([member, value]) =>
    [value].flat().flatMap((child) => (isNode(child) ? [[member, child] as const] : [])),
  );

/** Members that lead from any value to the functions that compile text. */
const LEADS_OUT = ['constructor', '__proto__', '__defineGetter__', '__lookupGetter__'];
/** Members of these that are no function of their arguments alone; as values, they could be called by another name. */
const IMPURE: Readonly<Record<string, readonly string[]>> = { Date: ['now'], Math: ['random'] };
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
/** Forms of TypeScript that are code. */
const CODE = ['TSImportEqualsDeclaration', 'TSModuleDeclaration', 'TSEnumDeclaration', 'TSExportAssignment'];
const FUNCTION = /^(?:Function|ArrowFunction)/;
const SCOPE = /^(?:Program|BlockStatement|StaticBlock|For\w*Statement|SwitchStatement|CatchClause|Class\w+)$/;

/** The text that an expression of literals stands for. */
function textOf(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  if (node.type === 'Literal') return String(node.value);
  if (node.type === 'ParenthesizedExpression') return textOf(node.expression);
  const parts =
    node.type === 'BinaryExpression' && node.operator === '+'
      ? [textOf(node.left), textOf(node.right)]
      : node.type === 'TemplateLiteral'
        ? templateParts(node)
        : [undefined];
  return parts.includes(undefined) ? undefined : parts.join('');
}

function templateParts({ quasis, expressions }: Node): (string | undefined)[] {
  const texts = [quasis].flat().map((part) => (isNode(part) ? Object(part.value).cooked : ''));
  const values = [expressions].flat().map(textOf);
  return texts.flatMap((text, index) => (index < values.length ? [text, values[index]] : [text]));
}

/** Adds the names that a pattern declares. */
function declare(pattern: unknown, scope: Scope): void {
  if (!isNode(pattern)) return;
  if (pattern.type === 'Identifier') scope.add(String(pattern.name));
  for (const part of ['left', 'argument', 'value', 'parameter']) declare(pattern[part], scope);
  for (const part of ['elements', 'properties'])
    for (const element of [pattern[part]].flat()) declare(element, scope);
}

/** Adds what a node declares in the scope around it, before any of that is used. */
function hoist(node: Node, scope: Scope): void {
  for (const [, child] of childrenOf(node)) {
    if (child.type === 'VariableDeclarator' || /^(?:Function|Class)Declaration$/.test(child.type))
      declare(child.id, scope);
    if (/^Import(?:Default|Namespace)?Specifier$/.test(child.type)) declare(child.local, scope);
    if (!FUNCTION.test(child.type) && !SCOPE.test(child.type)) hoist(child, scope);
  }
}

/** Reads what TypeScript code refers to. */
export function usesOf(code: string): SourceUse {
  const imports = new Set<string>();
  const globals = new Set<string>();
  const detours = new Set<string>();

  const visitMember = (node: Node): void => {
    const name =
      node.computed === true ? textOf(node.property) : isNode(node.property) ? node.property.name : undefined;
    const owner = isNode(node.object) ? String(node.object.name) : '';
    if (LEADS_OUT.includes(String(name))) detours.add(String(name));
    if (owner in IMPURE && (name === undefined || IMPURE[owner]?.includes(String(name))))
      detours.add(`${owner}.${name ?? '[…]'}`);
  };
  const visitPart = (node: Node): void => {
    if (node.type === 'ImportDeclaration' || /^Export(?:All|Named)Declaration$/.test(node.type)) {
      const isForTypes = node.importKind === 'type' || node.exportKind === 'type';
      if (isNode(node.source) && !isForTypes) imports.add(String(node.source.value));
    }
    if (CODE.includes(node.type)) detours.add(node.type);
    if (node.type === 'ImportExpression') detours.add('import()');
    if (node.type === 'MetaProperty' && isNode(node.meta) && node.meta.name === 'import')
      detours.add('import.meta');
    if (node.type === 'MemberExpression') visitMember(node);
    // `{ constructor: C } = f`, and the text wherever it stands: `Reflect.get(f, 'constructor')`.
    if (
      node.type === 'Property' &&
      isNode(node.key) &&
      node.computed !== true &&
      LEADS_OUT.includes(String(node.key.name))
    )
      detours.add(String(node.key.name));
    const text = textOf(node);
    if (text !== undefined && LEADS_OUT.includes(text)) detours.add(text);
  };
  /** Whether `Date` or `Math` stands where it is a value, not where a pure member is used or a date is made of a time. */
  const isValue = (parent: Node | undefined, member: string): boolean => {
    if (parent?.type === 'MemberExpression' && member === 'object') return false;
    const isMade = parent?.type === 'NewExpression' && member === 'callee';
    return (
      !(isMade && [parent.arguments].flat().length > 0) &&
      !(parent?.type === 'BinaryExpression' && member === 'right')
    );
  };
  const visit = (node: Node, scopes: readonly Scope[], parent?: Node, member = ''): void => {
    visitPart(node);
    if (node.type.startsWith('TS') && !TYPED.includes(node.type)) return;
    // What is passed on is not used here.
    if (isNode(node.source) && node.type.startsWith('Export')) return;
    const own: Scope = new Set();
    if (FUNCTION.test(node.type) || /^ClassExpression$/.test(node.type)) declare(node.id, own);
    if (FUNCTION.test(node.type)) for (const parameter of [node.params].flat()) declare(parameter, own);
    if (node.type === 'CatchClause') declare(node.param, own);
    if (FUNCTION.test(node.type) || SCOPE.test(node.type)) hoist(node, own);
    const inside = own.size === 0 ? scopes : [...scopes, own];
    if (node.type === 'Identifier' && !inside.some((scope) => scope.has(String(node.name)))) {
      globals.add(String(node.name));
      if (String(node.name) in IMPURE && isValue(parent, member)) detours.add(`${node.name} as a value`);
    }
    for (const [name, child] of childrenOf(node)) {
      const isName = name === NAMES[node.type] && node.computed !== true && node.shorthand !== true;
      if (isName || /^type(?:Annotation|Arguments|Parameters)$/.test(name)) continue;
      if (name === 'expression' || !TYPED.includes(node.type)) visit(child, inside, node, name);
    }
  };
  visit(parseAst(code, { lang: 'ts' }) as unknown as Node, []);
  return { imports: [...imports], globals: [...globals], detours: [...detours] };
}
