import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, it } from 'vitest'

it('leaves the exit code of its process alone, so that failed tests do not look like passed ones', async () => {
  const module = JSON.stringify(new URL('./postgres-server.ts', import.meta.url))
  const program = `
    const { startPostgresServer } = await import(${module})
    await using server = await startPostgresServer()
    process.exitCode = 3
  `
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: 'inherit' })
  expect(await once(child, 'exit')).toEqual([3, null])
})
