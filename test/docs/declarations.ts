import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** A name with its doc comment, as the tables of the documents show it. */
export interface Documented {
  readonly name: string
  /** The doc comment in one line, without its tags. */
  readonly comment: string
  /** What the comment's `@default` says. */
  readonly byDefault?: string | undefined
}

export interface DocumentedMember extends Documented {
  /** Its type, as the compiler writes it. */
  readonly type: string
}

export interface DocumentedExport extends Documented {
  readonly kind: 'class' | 'function' | 'type' | 'value'
}

/** A member of a union of objects that are told apart by `type`. */
export interface DocumentedVariant extends Documented {
  readonly fields: readonly Documented[]
}

/** What the sources declare, read by the compiler: for the tables of the documents, and for tests that compare. */
export interface Declarations {
  /**
   * The properties of an interface, inherited ones included; of a class, those that it declares itself. One without a comment
   * has that of its type.
   */
  members(file: string, name: string): DocumentedMember[]
  /** The properties that an interface or a class declares itself. */
  ownMembers(file: string, name: string): DocumentedMember[]
  /** The members of a union of objects: by their `type`, with their other fields. */
  variants(file: string, name: string): DocumentedVariant[]
  /** The names that a file exports, in its order. */
  exports(file: string): DocumentedExport[]
  /** What the code of a file puts in the place of options that were left out: `{ max = 10 }`, `options.max ?? 10`. */
  defaults(file: string): Map<string, string | number>
}

/** @param files below `src/`, with whatever they import */
export function declarationsOf(files: readonly string[]): Declarations {
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
  const program = ts.createProgram(files.map(pathOf), options)
  const checker = program.getTypeChecker()

  const source = (file: string): ts.SourceFile => {
    const found = program.getSourceFile(pathOf(file))
    if (found === undefined) throw new Error(`${file} is not one of the files.`)
    return found
  }
  const exportsOf = (file: string) => {
    const module = checker.getSymbolAtLocation(source(file))
    if (module === undefined) throw new Error(`${file} exports nothing.`)
    return checker.getExportsOfModule(module).map((symbol) => resolved(symbol, checker))
  }
  const typeOf = (file: string, name: string) => {
    const symbol = exportsOf(file).find((each) => each.name === name)
    if (symbol === undefined) throw new Error(`${file} does not export ${name}.`)
    return checker.getDeclaredTypeOfSymbol(symbol)
  }
  const documented = (symbol: ts.Symbol): Documented => documentedOf(symbol, checker)

  const ownOf = (type: ts.Type) =>
    checker
      .getPropertiesOfType(type)
      .filter(({ declarations = [] }) =>
        declarations.some(({ parent }) => type.symbol.declarations?.some((each) => each === parent)),
      )

  return {
    members(file, name) {
      const type = typeOf(file, name)
      const properties = type.isClass() ? ownOf(type) : checker.getPropertiesOfType(type)
      return properties.map((each) => memberOf(each, checker))
    },
    ownMembers: (file, name) => ownOf(typeOf(file, name)).map((each) => memberOf(each, checker)),
    variants(file, name) {
      const type = typeOf(file, name)
      return (type.isUnion() ? type.types : [type]).map((each) => variantOf(each, checker))
    },
    exports: (file) => exportsOf(file).map((symbol) => ({ ...documented(symbol), kind: kindOf(symbol) })),
    defaults: (file) => defaultsIn(source(file), checker),
  }
}

function pathOf(file: string): string {
  return `${root}src/${file}`
}

function resolved(symbol: ts.Symbol, checker: ts.TypeChecker): ts.Symbol {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
}

function documentedOf(symbol: ts.Symbol, checker: ts.TypeChecker): Documented {
  const tag = symbol.getJsDocTags(checker).find(({ name }) => name === 'default')
  return {
    name: symbol.name,
    comment: inOneLine(ts.displayPartsToString(symbol.getDocumentationComment(checker))),
    byDefault: tag && inOneLine(ts.displayPartsToString(tag.text)),
  }
}

function memberOf(symbol: ts.Symbol, checker: ts.TypeChecker): DocumentedMember {
  const documented = documentedOf(symbol, checker)
  const type = checker.getTypeOfSymbol(symbol)
  const comment =
    documented.comment === '' && type.isClass()
      ? documentedOf(type.symbol, checker).comment
      : documented.comment
  return { ...documented, comment, type: checker.typeToString(type) }
}

/** Links of a doc comment become the names that they lead to. */
function inOneLine(comment: string): string {
  return comment
    .replace(/\{@link\s+([\w.]+)[^}]*\}/g, '`$1`')
    .replace(/\s+/g, ' ')
    .trim()
}

function variantOf(type: ts.Type, checker: ts.TypeChecker): DocumentedVariant {
  const properties = checker.getPropertiesOfType(type)
  const tag = properties.find(({ name }) => name === 'type')
  const literal = tag && checker.getTypeOfSymbol(tag)
  if (!literal?.isStringLiteral()) throw new Error('A member of the union has no `type`.')
  const symbol = type.aliasSymbol ?? type.symbol
  return {
    name: literal.value,
    comment: documentedOf(symbol, checker).comment,
    fields: properties.filter((each) => each !== tag).map((each) => documentedOf(each, checker)),
  }
}

function kindOf({ flags }: ts.Symbol): DocumentedExport['kind'] {
  if (flags & ts.SymbolFlags.Class) return 'class'
  if (flags & ts.SymbolFlags.Function) return 'function'
  return flags & ts.SymbolFlags.Value ? 'value' : 'type'
}

function defaultsIn(file: ts.SourceFile, checker: ts.TypeChecker): Map<string, string | number> {
  const found = new Map<string, string | number>()
  const add = (name: string, initializer: ts.Expression) => {
    const value = literalOf(initializer, checker)
    if (value !== undefined) found.set(name, value)
  }
  const visit = (node: ts.Node): void => {
    if (ts.isBindingElement(node) && node.initializer) {
      add((node.propertyName ?? node.name).getText(), node.initializer)
    }
    if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.QuestionQuestionToken) {
      const { left } = node
      if (ts.isPropertyAccessExpression(left) || ts.isIdentifier(left)) {
        add(left.getText().replace(/^options\./, ''), node.right)
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return found
}

/** What is written there, or what the constant that is named there holds. */
function literalOf(expression: ts.Expression, checker: ts.TypeChecker): string | number | undefined {
  if (ts.isNumericLiteral(expression)) return Number(expression.text)
  if (ts.isStringLiteral(expression)) return expression.text
  if (ts.isPropertyAccessExpression(expression)) {
    const text = expression.getText()
    return text.startsWith('globalThis.') ? text : undefined
  }
  if (!ts.isIdentifier(expression)) return undefined
  const symbol = checker.getSymbolAtLocation(expression)
  const declaration = symbol && resolved(symbol, checker).valueDeclaration
  if (!declaration || !ts.isVariableDeclaration(declaration) || !declaration.initializer) return undefined
  return literalOf(declaration.initializer, checker)
}
