import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { makePage } from '../../src/server/admin/page/make-page.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/**
 * The program of the command line: compiled as the package is, or, for a quick run, whose figures mean nothing, from its
 * sources.
 */
export async function commandLine(quick: boolean): Promise<string> {
  if (quick) {
    await makePage()
    return `${ROOT}src/cli/main.ts`
  }
  const out = `${ROOT}node_modules/.cache/bench/start`
  const compiler = `${ROOT}node_modules/typescript/bin/tsc`
  await promisify(execFile)(process.execPath, [compiler, '-p', `${ROOT}tsconfig.build.json`, '--outDir', out])
  await makePage(`${out}/server/admin/page`)
  return `${out}/cli/main.js`
}
