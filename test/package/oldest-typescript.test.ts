import { execFile } from 'node:child_process'
import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, inject, it } from 'vitest'
import { OLDEST_TYPESCRIPT, ROOT } from './packed.ts'

const run = promisify(execFile)
const project = inject('fullProject')

/** As strict as a user may be. */
const CONFIG = {
  compilerOptions: {
    target: 'es2022',
    lib: ['es2023', 'esnext.disposable', 'dom'],
    types: [],
    module: 'nodenext',
    moduleResolution: 'nodenext',
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    verbatimModuleSyntax: true,
    allowImportingTsExtensions: true,
    skipLibCheck: false,
    noEmit: true,
  },
  include: ['*.ts'],
}

it(`the type tests hold for a user of the package with TypeScript ${OLDEST_TYPESCRIPT}`, async () => {
  const folder = join(project, 'types')
  await cp(join(ROOT, 'test/types'), folder, { recursive: true })
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(CONFIG))
  const tsc = join(project, 'node_modules/typescript/bin/tsc')
  expect((await run(process.execPath, [tsc, '--version'])).stdout).toBe(`Version ${OLDEST_TYPESCRIPT}\n`)
  const { stdout } = await run(process.execPath, [tsc, '-p', folder]).catch((error) => error)
  expect(stdout).toBe('')
})
