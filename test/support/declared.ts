import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** What the sources declare, read by the compiler: for tests that compare documents with the code. */
export interface Declared {
  /** The properties of an interface, inherited ones included, each with the text of its `@default`. */
  properties(file: string, name: string): Map<string, string | undefined>
  /** What the code of a file puts in the place of options that were left out: `{ max = 10 }`, `options.max ?? 10`. */
  defaults(file: string): Map<string, string | number>
  /** The members of a union of strings. */
  strings(file: string, name: string): string[]
  /** The names that a file exports as values, with the code of a {@link BackfillError} where it is a class of one kind. */
  values(
    file: string,
  ): Map<string, { readonly errorCode: string | undefined; readonly bases: readonly string[] }>
}

/** @param files below `src/`, with whatever they import */
export function declaredIn(files: readonly string[]): Declared {
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
  const program = ts.createProgram(files.map(pathOf), options)
  const checker = program.getTypeChecker()
  const source = (file: string): ts.SourceFile => {
    const found = program.getSourceFile(pathOf(file))
    if (found === undefined) throw new Error(`${file} is none of the files.`)
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
  return {
    properties: (file, name) =>
      new Map(
        checker.getPropertiesOfType(typeOf(file, name)).map((each) => [each.name, defaultOf(each, checker)]),
      ),
    defaults: (file) => defaultsIn(source(file), checker),
    strings(file, name) {
      const type = typeOf(file, name)
      return (type.isUnion() ? type.types : [type]).map((each) => (each.isStringLiteral() ? each.value : ''))
    },
    values: (file) =>
      new Map(
        exportsOf(file)
          .filter(({ flags }) => flags & ts.SymbolFlags.Value)
          .map((symbol) => [
            symbol.name,
            { errorCode: errorCodeOf(symbol), bases: basesOf(symbol, checker) },
          ]),
      ),
  }
}

function pathOf(file: string): string {
  return `${root}src/${file}`
}

function resolved(symbol: ts.Symbol, checker: ts.TypeChecker): ts.Symbol {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
}

function defaultOf(property: ts.Symbol, checker: ts.TypeChecker): string | undefined {
  const tag = property.getJsDocTags(checker).find(({ name }) => name === 'default')
  return tag && ts.displayPartsToString(tag.text)
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

function basesOf(symbol: ts.Symbol, checker: ts.TypeChecker): string[] {
  if (!(symbol.flags & ts.SymbolFlags.Class)) return []
  const bases = checker.getDeclaredTypeOfSymbol(symbol).getBaseTypes() ?? []
  return bases.flatMap(({ symbol: base }) => [base.name, ...basesOf(base, checker)])
}

/** The string that the constructor gives to its base: `super('CURSOR_LOOP', …)`. */
function errorCodeOf(symbol: ts.Symbol): string | undefined {
  let code: string | undefined
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.SuperKeyword) {
      const [first] = node.arguments
      if (first && ts.isStringLiteral(first)) code = first.text
    }
    ts.forEachChild(node, visit)
  }
  if (symbol.valueDeclaration) visit(symbol.valueDeclaration)
  return code
}
