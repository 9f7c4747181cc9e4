/**
 * Deletes the declarations that no entry point of the package leads to. The compiler writes one for each file, and a user's
 * compiler reads a third of them: without the others, the package is a fifth smaller.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const root = fileURLToPath(new URL('../../', import.meta.url))
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

const kept = new Set<string>()

/** @param file an absolute path of a declaration */
function keep(file: string): void {
  if (kept.has(file)) return
  kept.add(file)
  for (const { fileName } of ts.preProcessFile(readFileSync(file, 'utf8'), true, true).importedFiles) {
    if (fileName.startsWith('.')) keep(resolve(dirname(file), fileName.replace(/\.[jt]s$/, '.d.ts')))
  }
}

for (const target of Object.values<string | { readonly types: string }>(exports))
  if (typeof target !== 'string') keep(join(root, target.types))
for (const name of readdirSync(join(root, 'dist'), { recursive: true, encoding: 'utf8' })) {
  const file = join(root, 'dist', name)
  if (name.endsWith('.d.ts') && !kept.has(file)) rmSync(file)
}
