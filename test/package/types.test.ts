import { writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import ts from 'typescript'
import { expect, inject, it } from 'vitest'
import { entriesOf, manifestOf, PACKAGE } from './packed.ts'

const project = inject('fullProject')

/** A user's program: every entry point, each contract implemented, and the loop. */
const USE = `
import {
  BackfillError, type CollectionSource, createBackfiller, type IndexSink, memoryStore, type RepoLister,
} from '${PACKAGE}'
import { kyselyIndexSink, type BackfillDatabase } from '${PACKAGE}/kysely'
import type { Kysely } from 'kysely'

const source: CollectionSource = {
  name: 'mine',
  async *collections({ signal } = {}) {
    signal?.throwIfAborted()
    yield { nsid: 'app.bsky.feed.post', estimatedRepos: 1 }
  },
}
const lister: RepoLister = {
  relay: 'relay.example',
  listRepos: async ({ collection, cursor }) => ({ dids: [collection], cursor }),
}
const sink: IndexSink = { add: async ({ dids }) => ({ added: dids.length }) }

export async function fill(db: Kysely<BackfillDatabase>, signal?: AbortSignal): Promise<number> {
  const store = { sink: signal ? kyselyIndexSink(db) : sink, progress: memoryStore().progress }
  try {
    for await (const page of createBackfiller({ relay: lister, collections: [source], store, signal })) {
      const cursor: string | undefined = page.cursor
      if (cursor === undefined && page.completed) return page.imported
    }
  } catch (error) {
    if (error instanceof BackfillError && error.code === 'INCOMPLETE') return -1
    throw error
  }
  return 0
}
`

interface Resolution {
  readonly module: ts.ModuleKind
  readonly moduleResolution: ts.ModuleResolutionKind
}

const NODENEXT: Resolution = {
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
}
const BUNDLER: Resolution = {
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
}

/** Compiles files in the project of a user who has no types of Node, and gives the complaints. */
async function complaintsOf(
  files: Readonly<Record<string, string>>,
  resolution: Resolution,
): Promise<string[]> {
  const paths = Object.keys(files).map((name) => join(project, name))
  for (const [name, code] of Object.entries(files)) await writeFile(join(project, name), code)
  const program = ts.createProgram(paths, {
    ...resolution,
    target: ts.ScriptTarget.ES2023,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts', 'lib.dom.d.ts'],
    types: [],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    verbatimModuleSyntax: true,
    skipLibCheck: false,
    noEmit: true,
  })
  return ts.getPreEmitDiagnostics(program).map(({ messageText, file }) => {
    const text = ts.flattenDiagnosticMessageText(messageText, '\n')
    return file ? `${relative(project, file.fileName)}: ${text}` : text
  })
}

it.each([
  { name: 'nodenext', ...NODENEXT },
  { name: 'bundler', ...BUNDLER },
])(
  'a strict program that checks its libraries compiles with every entry point, and a wrong option does not: $name',
  async ({ name: _, ...resolution }) => {
    const entries = entriesOf(await manifestOf(join(project, 'node_modules', PACKAGE)))
    expect(entries).toHaveLength(8)
    const all = entries.map((entry, i) => `export * as entry${i} from '${entry}'\n`).join('')
    const wrong = `import { relayLister } from '${PACKAGE}'\nrelayLister('relay.example', { pageSize: 'large' })\n`
    expect(await complaintsOf({ 'right.ts': USE + all, 'wrong.ts': wrong }, resolution)).toEqual([
      "wrong.ts: Type 'string' is not assignable to type 'number'.",
    ])
  },
)
