import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import ts from 'typescript'
import { beforeAll, describe, expect, inject, it } from 'vitest'
import { entriesOf, manifestOf, PACKAGE } from './packed.ts'

const run = promisify(execFile)
const project = inject('fullProject')

interface Name {
  readonly name: string
  /** Whether it is there when the program runs; else it is a type. */
  readonly value: boolean
}

/** The names that an entry point's declarations export. */
function declaredNames(entries: readonly string[]): Map<string, Name[]> {
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    types: [],
  }
  const resolved = entries.map((entry) => {
    const from = join(project, 'index.ts')
    const { resolvedModule } = ts.resolveModuleName(
      entry,
      from,
      options,
      ts.sys,
      undefined,
      undefined,
      ts.ModuleKind.ESNext,
    )
    if (resolvedModule === undefined) throw new Error(`${entry} has no types.`)
    return [entry, resolvedModule.resolvedFileName] as const
  })
  const program = ts.createProgram(
    resolved.map(([, file]) => file),
    options,
  )
  const checker = program.getTypeChecker()
  return new Map(resolved.map(([entry, file]) => [entry, namesOf(checker, program.getSourceFile(file))]))
}

function namesOf(checker: ts.TypeChecker, file: ts.SourceFile | undefined): Name[] {
  const module = file && checker.getSymbolAtLocation(file)
  if (module === undefined) throw new Error('no module')
  return checker.getExportsOfModule(module).map((symbol) => {
    const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
    return { name: symbol.name, value: (target.flags & ts.SymbolFlags.Value) !== 0 }
  })
}

/** The names that an entry point has when it is imported. */
async function namesAtRunTime(entry: string): Promise<string[]> {
  const script = `console.log(JSON.stringify(Object.keys(await import(${JSON.stringify(entry)}))))`
  const args = ['--input-type=module', '--eval', script]
  const { stdout } = await run(process.execPath, args, { cwd: project })
  return JSON.parse(stdout)
}

describe('the exported names', () => {
  let entries: string[]
  let declared: Map<string, Name[]>
  beforeAll(async () => {
    entries = entriesOf(await manifestOf(join(project, 'node_modules', PACKAGE)))
    declared = declaredNames(entries)
  })

  it('are those that names.txt lists: exported on purpose (after a change on purpose: npm run package -- -u)', async () => {
    const lines = [...declared].flatMap(([entry, names]) => [
      entry,
      ...names.map(({ name, value }) => `  ${value ? '' : 'type '}${name}`).toSorted(),
    ])
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('names.txt')
  })

  it('are there at run time where they are values, and only those', async () => {
    for (const entry of entries) {
      const values = (declared.get(entry) ?? []).filter(({ value }) => value).map(({ name }) => name)
      expect(values.length, entry).toBeGreaterThan(0)
      expect((await namesAtRunTime(entry)).toSorted(), entry).toEqual(values.toSorted())
    }
  })
})
