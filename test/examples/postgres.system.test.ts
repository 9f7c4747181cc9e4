import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freePort } from '../support/program.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { runExample, startExample } from './run-example.ts'

/** Postgres writes this file while it runs. */
const pidFile = ({ path }: TemporaryFolder) => join(path, '.backfill-postgres', 'data', 'postmaster.pid')

/** Ends the server that a killed example left behind, for a test that fails before the next start takes it over. */
function withoutOrphan(folder: TemporaryFolder): Disposable {
  return {
    [Symbol.dispose]() {
      if (existsSync(pidFile(folder)))
        process.kill(Number.parseInt(readFileSync(pidFile(folder), 'utf8'), 10), 'SIGQUIT')
    },
  }
}

test('postgres.ts stops on Ctrl-C, survives a kill, and resumes to the end without a page twice', async () => {
  await using folder = await temporaryFolder()
  using _server = withoutOrphan(folder)
  const env = { RELAY_PORT: String(await freePort()), DATABASE_URL: '', RELAY: '' }
  const options = { cwd: folder.path, env }

  await using first = startExample('postgres.ts', options)
  await first.until(/app\.bsky\.actor\.profile: page (?:[2-9]|\d\d),/)
  first.kill('SIGINT')
  const stopped = await first.ended
  expect(stopped).toMatchObject({ code: 130, stderr: '' })
  expect(stopped.stdout).toMatch(/Stopped\. The next start resumes here\.\n$/)
  expect(existsSync(pidFile(folder))).toBe(false)

  await using second = startExample('postgres.ts', options)
  await second.until(
    /resuming: \d of 5 collections done[\s\S]*app\.bsky\.actor\.profile: page (?:[6-9]|\d\d),/,
  )
  second.kill('SIGKILL')
  const killed = await second.ended
  expect(killed.code).toBe('SIGKILL')

  const third = await runExample('postgres.ts', options)
  expect(third).toMatchObject({ code: 0, stderr: '' })
  expect(third.stdout).toMatch(/^resuming: \d of 5 collections done/)
  expect(third.stdout).toMatch(/'app\.bsky\.actor\.profile' +│ '60000'/)
  expect(third.stdout).toMatch(/'app\.bsky\.feed\.post' +│ '50000'/)
  expect(third.stdout).toMatch(/'app\.bsky\.feed\.like' +│ '40000'/)
  expect(existsSync(pidFile(folder))).toBe(false)

  // Pages are durable before they are told, so what no run told twice was not walked twice.
  const told = [stopped, killed, third].flatMap(({ stdout }) => stdout.match(/^\S+: page \d+(?=,)/gm) ?? [])
  // 76 pages of 2,000, of which up to four are told together.
  expect(told.length).toBeGreaterThan(19)
  expect(new Set(told).size).toBe(told.length)
}, 90_000)
