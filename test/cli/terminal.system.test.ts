import { describe, expect, test } from 'vitest'
import { kyselyProgressStore, migrateToLatest } from '../../src/kysely/index.ts'
import { CLI, runOn } from '../support/cli.ts'
import { createPostgres, type TestPostgres } from '../support/databases.ts'
import { whileRowIsHeld } from '../support/held-row.ts'
import { BIG, type ParkedRelay, startParkedRelay, WALK_BIG } from '../support/parked-relay.ts'
import { startStopwatch } from '../support/stopwatch.ts'
import { openTerminal } from '../support/terminal.ts'

const BROKEN = 'com.example.broken'
const SIZE = { columns: 80, rows: 24 }
/** What turns a color on. */
const COLOR = /\[(?:\d+;)*3\dm/

const commandOf = (args: readonly string[]) => `"${process.execPath}" "${CLI}" ${args.join(' ')}`
const walkOf = ({ relay }: ParkedRelay, postgres: TestPostgres, ...more: string[]) =>
  commandOf(runOn(relay, postgres, ...WALK_BIG, ...more))

describe('in a terminal of 80 columns', () => {
  test('a run shows a line for what is walked, stops with Ctrl-C, and the next one goes on to the end', async () => {
    await using parked = await startParkedRelay(3)
    await using postgres = await createPostgres()
    await using terminal = await openTerminal(SIZE)
    const run = walkOf(parked, postgres)
    await terminal.type(run)
    await parked.parked
    await terminal.until(new RegExp(`${BIG}.* 300`))
    expect(await terminal.painted()).toMatch(COLOR)
    const picture = await terminal.screen()
    for (const line of picture.split('\n')) expect([...line].length).toBeLessThanOrEqual(80)

    await terminal.press('C-c')
    // What is typed sooner would stand among what the run writes.
    await terminal.until(/go on from there/)
    await terminal.type('echo "code $?"')
    await terminal.until(/^code 130$/m)
    expect(await terminal.screen()).toMatch(
      /^Stopped: 0 of 1 collections? complete, 300 imported\.\n[\s\S]*go on from there/m,
    )

    parked.letGo()
    await terminal.clear()
    await terminal.type(`${run}; echo "code $?"`)
    await terminal.until(/^code 0$/m)
    expect(await terminal.screen()).toMatch(/^resuming: 0 of 1 collection/m)
  })

  test("a failure comes while the run goes on, in the relay's own words, and stays above what is redrawn", async () => {
    await using parked = await startParkedRelay(3, {
      collections: { [BROKEN]: 5 },
      script: ({ collection }) =>
        collection === BROKEN
          ? { status: 403, body: { error: 'AccessDenied', message: 'Not for the likes of you' } }
          : undefined,
    })
    await using postgres = await createPostgres()
    await using terminal = await openTerminal({ ...SIZE, env: { NO_COLOR: '1' } })
    await terminal.type(`${walkOf(parked, postgres, '--collection', BROKEN)}; echo "code $?"`)
    await terminal.until(new RegExp(`${BIG}.* 300`))
    await terminal.until(/1 failed/)
    const picture = (await terminal.screen()).replaceAll(/\s+/g, ' ')
    const failure = `✗ ${BROKEN} ${new URL(parked.relay.url).host} answered 403: AccessDenied: Not for the likes of you.`
    expect(picture).toContain(failure)
    expect(await terminal.painted()).not.toMatch(COLOR)
    expect(picture.lastIndexOf(failure)).toBeLessThan(picture.search(/[01] of 2 collections/))

    parked.letGo()
    await terminal.until(/^code 1$/m)
    const end = await terminal.screen()
    expect(end).toContain('atproto-collection-backfill: 1 collection is not complete')
    expect(end.replaceAll(/\s+/g, ' ').split(failure)).toHaveLength(2)
  })

  test('a second Ctrl-C ends it at once, whatever it waits for', async () => {
    await using parked = await startParkedRelay(1)
    await using postgres = await createPostgres()
    await using terminal = await openTerminal(SIZE)
    await terminal.type(`${walkOf(parked, postgres)}; echo "code $?"`)
    await whileRowIsHeld(parked, postgres, async () => {
      await terminal.press('C-c')
      await terminal.until(/Ctrl-C again stops at once/)
      const stopwatch = startStopwatch()
      await terminal.press('C-c')
      await terminal.until(/code 130$/m)
      expect(stopwatch.stop()).toBeLessThan(1_000)
    })
    expect(await terminal.screen()).not.toContain('Stopped:')
  })

  test('status --watch shows a table that changes in place, and leaves its sums behind', async () => {
    await using postgres = await createPostgres()
    await migrateToLatest(postgres.db)
    const progress = kyselyProgressStore(postgres.db)
    await progress.register('relay.example', [{ nsid: BIG, estimatedRepos: 1_000 }])
    await using terminal = await openTerminal(SIZE)
    await terminal.type(commandOf(['status', '--watch', '--database', postgres.url]))
    await terminal.until(new RegExp(`^ *${BIG} +0 +0% +pending$`, 'm'))
    const claim = await progress.claim({ relay: 'relay.example', owner: 'test', leaseMs: 600_000 })
    if (claim) await progress.advance(claim, { pages: 1, imported: 250, invalid: 0, cursor: 'c' })
    await terminal.until(new RegExp(`^ *${BIG} +250 +25% +running$`, 'm'))
    expect(await terminal.screen()).not.toContain('pending')
    await terminal.press('C-c')
    await terminal.type('echo "code $?"')
    await terminal.until(/^code 130$/m)
    const left = await terminal.screen()
    expect(left).toMatch(
      /^relay\.example: 25%, 0 of 1 collections complete, 1 running, 250 of 1,000\nimported/m,
    )
    expect(left).not.toMatch(/^ *com/m)
  })
  test('status --watch of several relays has the sums of each on the screen', async () => {
    await using postgres = await createPostgres()
    await migrateToLatest(postgres.db)
    const progress = kyselyProgressStore(postgres.db)
    const names = Array.from({ length: 50 }, (_, i) => ({ nsid: `com.example.n${i}` }))
    for (const relay of ['a.example', 'b.example', 'c.example']) await progress.register(relay, names)
    await using terminal = await openTerminal({ ...SIZE, env: { NO_COLOR: '1' } })
    await terminal.type(commandOf(['status', '--watch', '--database', postgres.url]))
    await terminal.until(/^c\.example: [\s\S]* more: --all/m)
    const picture = await terminal.painted()
    for (const relay of ['a', 'b', 'c']) expect(picture).toContain(`${relay}.example: 0 of 50 collections`)
  })
})
