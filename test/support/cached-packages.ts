import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ROOT } from '../package/packed.ts'

/**
 * Installs packages that are large, and needed by one kind of test alone: beside the package's own, where nothing else
 * looks. Their scripts are not run.
 *
 * @returns the folder that holds them
 */
export async function installCached(
  name: string,
  dependencies: Readonly<Record<string, string>>,
): Promise<string> {
  const folder = join(ROOT, 'node_modules/.cache', name)
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }))
  const quietly = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
  await promisify(execFile)('npm', ['install', ...quietly], { cwd: folder })
  return join(folder, 'node_modules')
}
