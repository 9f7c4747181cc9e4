import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { expect, it, vi } from 'vitest'
import { temporaryFolder } from './temporary-folder.ts'

const module = JSON.stringify(new URL('./postgres-server.ts', import.meta.url))

it('leaves the exit code of its process alone, so that failed tests do not look like passed ones', async () => {
  const program = `
    const { startPostgresServer } = await import(${module})
    await using server = await startPostgresServer()
    process.exitCode = 3
  `
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: 'inherit' })
  expect(await once(child, 'exit')).toEqual([3, null])
})

it.each(['SIGINT', 'SIGKILL'] as const)('leaves nothing behind when %s ends its process', async (signal) => {
  await using folder = await temporaryFolder()
  const program = `
    const { startPostgresServer } = await import(${module})
    await using server = await startPostgresServer()
    console.log('started')
    await new Promise((resolve) => setTimeout(resolve, 60_000))
  `
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    env: { ...process.env, TMPDIR: folder.path },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  expect(await readdir(folder.path)).toHaveLength(1)
  child.kill(signal)
  await once(child, 'exit')
  // A process of its own removes it.
  await vi.waitFor(async () => expect(await readdir(folder.path)).toEqual([]), { timeout: 20_000 })
})
