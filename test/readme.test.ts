import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../', import.meta.url))
const readme = readFileSync(`${root}README.md`, 'utf8')
const blocks = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code ?? '')
/** What the README's reader has already. */
const given = "import type { Kysely } from 'kysely'\ndeclare const db: Kysely<unknown>\n"

/** Compiles a file that stands in the project's root, with the project's own settings, and gives the complaints. */
function complaintsOf(code: string): string[] {
  const file = `${root}readme-block.ts`
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
  const host = ts.createCompilerHost(options)
  const read = host.readFile.bind(host)
  host.readFile = (name) => (name === file ? code : read(name))
  const exists = host.fileExists.bind(host)
  host.fileExists = (name) => name === file || exists(name)
  const source = host.getSourceFile.bind(host)
  host.getSourceFile = (name, ...rest) =>
    name === file ? ts.createSourceFile(name, code, ts.ScriptTarget.ES2023) : source(name, ...rest)
  const program = ts.createProgram([file], options, host)
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))
}

describe('the README', () => {
  it('shows the loop by line 20', () => {
    const line = readme.split('\n').findIndex((text) => text.startsWith('for await')) + 1
    expect(line).toBeGreaterThan(0)
    expect(line).toBeLessThanOrEqual(20)
  })

  it.each(blocks.map((code, i) => [i + 1, code] as const))(
    'shows code that compiles: block %d',
    (_, code) => {
      expect(complaintsOf(/\bdb\b/.test(code) ? given + code : code)).toEqual([])
    },
  )

  it('this check can fail', () => {
    expect(complaintsOf("import { noSuchName } from 'atproto-collection-backfill'\n")).toHaveLength(1)
  })

  it('leads to files that exist', () => {
    const links = [...readme.matchAll(/\]\((?!https?:|#)([^)]+)\)/g)].map(([, path]) => path ?? '')
    expect(links.length).toBeGreaterThan(2)
    expect(
      links.filter((path) => !ts.sys.fileExists(root + path) && !ts.sys.directoryExists(root + path)),
    ).toEqual([])
  })
})
