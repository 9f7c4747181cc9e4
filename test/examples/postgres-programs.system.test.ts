import { execFile } from 'node:child_process'
import { chmod, cp, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import {
  isOpenToAll,
  type PostgresPrograms,
  postgresPrograms,
  serverAccount,
} from '../../examples/support/postgres-programs.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'

/** The programs as a clone in a private folder would have them: only the owner of the folder may enter it. */
async function installedPrivately({ path }: TemporaryFolder): Promise<PostgresPrograms> {
  const { postgres } = await postgresPrograms({}, join(path, 'unused'))
  const home = join(path, 'private')
  await mkdir(home, { mode: 0o700 })
  await cp(dirname(dirname(postgres)), join(home, 'native'), { recursive: true, verbatimSymlinks: true })
  const bin = join(home, 'native', 'bin')
  return { initdb: join(bin, 'initdb'), pg_ctl: join(bin, 'pg_ctl'), postgres: join(bin, 'postgres') }
}

describe('the programs of Postgres', () => {
  it('can be started by its user also where they are installed in a folder that only their owner may enter', async () => {
    await using folder = await temporaryFolder()
    const installed = await installedPrivately(folder)
    const account = await serverAccount()
    const { initdb } = await postgresPrograms(account, join(folder.path, 'copy'), installed)
    // It starts `postgres`, and reads what lies in `share`.
    const data = join(folder.path, 'data')
    const dryRun = promisify(execFile)(initdb, ['--show', '-D', data], { ...account, cwd: '/' })
    expect((await dryRun).stderr).toContain('share_path=')
  })

  it('are asked for in plain words where they cannot be started', async () => {
    await using folder = await temporaryFolder()
    const installed = await installedPrivately(folder)
    await chmod(installed.postgres, 0o600)
    await expect(
      postgresPrograms(await serverAccount(), join(folder.path, 'copy'), installed),
    ).rejects.toThrow(
      /^The user that runs Postgres \(uid \d+\) can start its programs neither in .* Set TMPDIR to a folder that every user may enter/,
    )
  })
})

it('a folder is open to all only if all above it are', async () => {
  await using folder = await temporaryFolder()
  const inner = join(folder.path, 'private', 'inner')
  await mkdir(inner, { recursive: true, mode: 0o755 })
  expect(isOpenToAll(inner)).toBe(true)
  await chmod(dirname(inner), 0o700)
  expect([isOpenToAll(inner), isOpenToAll(folder.path), isOpenToAll(join(folder.path, 'missing'))]).toEqual([
    false,
    true,
    false,
  ])
})
