import { spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { CLI, cli, cliProcess, runOn, startCli } from '../support/cli.ts'
import { createPostgres } from '../support/databases.ts'
import { untilCommitted, whileRowIsHeld } from '../support/held-row.ts'
import { BIG, startParkedRelay, WALK_BIG } from '../support/parked-relay.ts'
import type { ProgramOptions, RunningProgram } from '../support/program.ts'
import { startStopwatch } from '../support/stopwatch.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const NO_LONG_TIMERS = new URL('../support/no-long-timers.ts', import.meta.url).href

describe('Ctrl-C', () => {
  test('once: ends within a second, says how to go on, and the next run goes on there', async () => {
    await using parking = await startParkedRelay(3)
    const { relay } = parking
    await using postgres = await createPostgres()
    const args = runOn(parking.relay, postgres, ...WALK_BIG)
    await using program = startCli(args)
    await parking.parked
    await untilCommitted(postgres, 3)
    const stopwatch = startStopwatch()
    program.kill('SIGINT')
    const { code, stdout, stderr } = await program.ended
    // A second for the run to settle, and half of one to close the database and end the process on a busy machine.
    expect(stopwatch.stop()).toBeLessThan(1_500)
    expect({ code, stderr }).toEqual({ code: 130, stderr: '' })
    expect(stdout).toContain('Stopped: 0 of 1 collections complete, 300 imported.\n')
    expect(stdout).toMatch(/Run the same command again to go on from there\.\n$/)
    const { rows } = await sql`select owner from backfill_progress`.execute(postgres.db)
    expect(rows).toEqual([{ owner: null }])

    parking.letGo()
    const asked = relay.requests.length
    const second = await cliProcess(args)
    expect(second).toMatchObject({ code: 0, stderr: '' })
    expect(second.stdout).toContain('resuming: 0 of 1 collections complete, 300 imported\n')
    const offsets = relay.requests
      .slice(asked)
      .flatMap(({ collection, offset }) => (collection === BIG ? [offset] : []))
    // The first page again, and then the saved cursor.
    expect(offsets.slice(0, 2)).toEqual([0, 300])
    expect(Math.min(...offsets.slice(1, -1).map(Number))).toBe(300)
  })

  /** Killed while it hangs in the database. */
  async function killedInCommit(
    kill: (program: RunningProgram) => Promise<void>,
    options: ProgramOptions = {},
  ) {
    await using parking = await startParkedRelay(1)
    await using postgres = await createPostgres()
    await using program = startCli(runOn(parking.relay, postgres, ...WALK_BIG), options)
    return await whileRowIsHeld(parking, postgres, async () => {
      await kill(program)
      const stopwatch = startStopwatch()
      return { ...(await program.ended), tookMs: stopwatch.stop() }
    })
  }

  test('once, while the database hangs: ends all the same', async () => {
    const { code, tookMs } = await killedInCommit(async (program) => program.kill('SIGINT'))
    expect(code).toBe(130)
    expect(tookMs).toBeLessThan(3_500)
  })

  test('twice: ends at once, whatever it waits for', async () => {
    // With the first signal alone it would wait for the database without an end.
    const kill = async (program: RunningProgram) => {
      program.kill('SIGINT')
      await program.until(/Stopping/)
      program.kill('SIGINT')
    }
    const { code, stdout } = await killedInCommit(kill, { imports: [NO_LONG_TIMERS] })
    expect(code).toBe(130)
    expect(stdout).not.toContain('Stopped:')
  })

  test('SIGTERM, as a service manager sends it, ends a run in the same way', async () => {
    await using parking = await startParkedRelay(1)
    await using postgres = await createPostgres()
    await using program = startCli(runOn(parking.relay, postgres, ...WALK_BIG))
    await parking.parked
    program.kill('SIGTERM')
    const { code, stdout } = await program.ended
    expect(code).toBe(143)
    expect(stdout).toContain('Stopped: ')
  })
})

/** A command whose output is a file on a disk that is full. */
function ontoFullDisk(...args: string[]) {
  const full = openSync('/dev/full', 'w')
  const { status, stderr } = spawnSync(process.execPath, [CLI, ...args], { stdio: ['ignore', full, 'pipe'] })
  closeSync(full)
  return { code: status, stderr: stderr.toString() }
}

test('an output on a full disk is told and is a failure, by a command that is done at once and by one that goes on', async () => {
  await using folder = await temporaryFolder()
  const list = join(folder.path, 'pairs.csv')
  const data = ['--data', join(folder.path, 'index.sqlite')]
  await writeFile(list, 'did:web:a.example,com.example.a\n')
  const lost = {
    code: 1,
    stderr: expect.stringMatching(/^atproto-collection-backfill: The output cannot be written: ENOSPC.*\n$/),
  }
  expect(ontoFullDisk('--help')).toEqual(lost)
  expect((await cli(['import', list, ...data])).code).toBe(0)
  expect(ontoFullDisk('status', ...data)).toEqual(lost)
  expect(ontoFullDisk('export', '-', ...data)).toEqual({
    code: 1,
    stderr: expect.stringContaining('The output cannot be written: ENOSPC'),
  })
  const { code, stderr } = await cli(['export', '/dev/full', ...data])
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringContaining('/dev/full cannot be written: ENOSPC'),
  })
})

test('a reader that goes away, as head does, ends the run and frees its claims', async () => {
  await using parking = await startParkedRelay(1)
  await using postgres = await createPostgres()
  await using program = startCli(runOn(parking.relay, postgres, ...WALK_BIG, '--json'))
  await parking.parked
  program.closeStdout()
  parking.letGo()
  const { code, stderr } = await program.ended
  expect({ code, stderr }).toEqual({ code: 141, stderr: '' })
  const { rows } = await sql`select owner from backfill_progress where completed_at is null`.execute(
    postgres.db,
  )
  expect(rows).toEqual([{ owner: null }])
})
