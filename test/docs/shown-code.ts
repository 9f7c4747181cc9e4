import { readdirSync, readFileSync } from 'node:fs'
import { blocksOf } from '../support/compile.ts'
import type { DocumentedExport } from './declarations.ts'

/** A document that users read, by its path from the root. */
export interface Shown {
  readonly path: string
  readonly text: string
}

const root = new URL('../../', import.meta.url)
const textOf = (path: string) => readFileSync(new URL(path, root), 'utf8')

export const readme: Shown = { path: 'README.md', text: textOf('README.md') }

export const pages: readonly Shown[] = readdirSync(new URL('src/docs', root)).map((name) => ({
  path: `src/docs/${name}`,
  text: textOf(`src/docs/${name}`),
}))

/** The code that a document shows, block by block, as programs. */
export function programsOf({ text }: Shown, exported: readonly DocumentedExport[]): string[] {
  return blocksOf(text, 'ts').map((code) => completed(code, exported))
}

/** Short blocks leave out what stands some lines above them: imports from the root, and an open store. */
function completed(code: string, exported: readonly DocumentedExport[]): string {
  const isUsed = (name: string) => new RegExp(`(?<![.'\\w])${name}\\b`).test(code)
  const isMade = (name: string) => new RegExp(`const (?:{[^}]*)?\\b${name}\\b`).test(code)
  const imports = code.includes("from 'atproto-collection-backfill'")
    ? []
    : exported.filter(({ name }) => isUsed(name)).map(importOf)
  const given = (['store', 'db'] as const).filter((name) => isUsed(name) && !isMade(name))
  if (given.length === 0) return [...imports, code].join('\n')
  return [
    ...imports,
    "import { openPostgres as open } from 'atproto-collection-backfill/postgres'",
    "const opened = await open('postgres://localhost/relay')",
    ...given.map((name) => (name === 'db' ? 'const { db } = opened' : 'const store = opened')),
    code,
    ...(isServer(code) ? [] : ['await opened.close()']),
  ].join('\n')
}

export function isServer(code: string): boolean {
  return /\bserve\(/.test(code)
}

function importOf({ name, kind }: DocumentedExport): string {
  return `import ${kind === 'type' ? 'type ' : ''}{ ${name} } from 'atproto-collection-backfill'`
}
