import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cli, cliProcess } from '../support/cli.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const LOADED = new URL('../support/loaded-modules.ts', import.meta.url).href

/** What a command loads of packages and of src. */
async function loadedBy(...args: string[]): Promise<string[]> {
  const { code, stderr } = await cliProcess(args, { imports: [LOADED] })
  expect(code).toBe(0)
  return stderr.trimEnd().split('\n')
}

/** What reads arguments. */
const PACKAGES = ['commander', '@atproto/syntax', 'iso-datestring-validator', 'tslib']

function packagesOf(loaded: readonly string[]): string[] {
  return loaded.filter((name) => !name.startsWith('src/'))
}

test('the help loads no command, no store and no relay', async () => {
  const loaded = await loadedBy('--help')
  expect(packagesOf(loaded).filter((name) => !PACKAGES.includes(name))).toEqual([])
  expect(loaded).toContain('src/cli/program.ts')
  const files = loaded.filter((name) =>
    /^src\/(?:kysely|sqlite|run|relay|verify|monitor|server)\//.test(name),
  )
  expect(files).toEqual([])
  const commands = loaded.filter((name) => name.startsWith('src/cli/commands/'))
  expect(commands.filter((name) => !name.endsWith('-command.ts'))).toEqual([])
})

test('status of a file loads no Postgres, no HTTP client and no live display', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'index.sqlite')
  expect((await cli(['migrate', '--data', file])).code).toBe(0)
  const loaded = await loadedBy('status', '--data', file)
  expect(loaded).toContain('src/sqlite/open-sqlite.ts')
  for (const name of ['kysely', 'pg', 'ky', 'log-update']) expect(loaded).not.toContain(name)
})
