import { describe, expect, test } from 'vitest'
import { collectionIndex, kyselyIndexSink, kyselyProgressStore } from '../../../src/kysely/index.ts'
import { startRelay, type TestRelay } from '../../../src/testing/index.ts'
import { cli, jsonLines, runOn, startCli } from '../../support/cli.ts'
import { createPostgres, type TestPostgres } from '../../support/databases.ts'
import { startParkedRelay, WALK_BIG } from '../../support/parked-relay.ts'

const PROFILE = 'app.bsky.actor.profile'
const SMALL = 'com.example.small'
const FOREIGN = 'did:web:only.here.example'

/** An index that was filled from a relay, and then changed: `PROFILE` lacks its first repo and has a foreign one. */
async function changedIndex(relay: TestRelay): Promise<TestPostgres & { missing: string }> {
  const postgres = await createPostgres()
  await cli(runOn(relay, postgres, '--collection', PROFILE, SMALL))
  const [missing = ''] = relay.dids(PROFILE)
  await collectionIndex(postgres.db).remove(PROFILE, missing)
  await kyselyIndexSink(postgres.db).add({ relay: 'x', collection: PROFILE, dids: [FOREIGN] })
  return Object.assign(postgres, { missing })
}

const verifyOn = (relay: { url: string }, postgres: TestPostgres, ...more: string[]) => [
  'verify',
  ...runOn(relay, postgres, ...more).slice(1),
]

describe('verify', () => {
  test('tells what is missing and what is surplus, with samples, and ends with 1', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 45, [SMALL]: 3 } })
    await using postgres = await changedIndex(relay)
    const { code, stdout, stderr } = await cli(verifyOn(relay, postgres))
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    expect(stdout).toMatch(/^ {2}≠ app\.bsky\.actor\.profile +44 equal, 1 missing, 1 surplus$/m)
    expect(stdout).toContain(`      missing ${postgres.missing}\n      surplus ${FOREIGN}\n`)
    expect(stdout).not.toContain(`≠ ${SMALL}`)
    expect(stdout).toMatch(
      new RegExp(
        `^✗ index differs from ${relay.url}: 1 missing, 1 surplus, 47 equal in 2 collections\n {2}\\d+ requests · \\S+s\n$`,
        'm',
      ),
    )
  })

  test('writes nothing; a run with --refresh brings what is missing', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 45, [SMALL]: 3 } })
    await using postgres = await changedIndex(relay)
    await cli(verifyOn(relay, postgres))
    expect(await collectionIndex(postgres.db).countRepos(PROFILE)).toBe(45)
    await cli(runOn(relay, postgres, '--collection', PROFILE, '--refresh', '0s'))
    await collectionIndex(postgres.db).remove(PROFILE, FOREIGN)
    const { code, stdout } = await cli(verifyOn(relay, postgres))
    expect(code).toBe(0)
    expect(stdout).toContain(`✓ index equals ${relay.url}: 48 pairs in 2 collections\n`)
  })

  test('--collection compares these alone, and --json prints one object a line', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 45, [SMALL]: 3 } })
    await using postgres = await changedIndex(relay)
    const args = verifyOn(relay, postgres, '--json', '--samples', '1', '--collection')
    const { code, stdout } = await cli([...args, PROFILE])
    expect(code).toBe(1)
    const events = jsonLines(stdout)
    expect(events[0]).toMatchObject({ type: 'begin', relays: [relay.url] })
    const differences = {
      both: 44,
      onlyThere: 1,
      onlyHere: 1,
      samples: { onlyThere: [postgres.missing], onlyHere: [FOREIGN] },
    }
    expect(events.filter(({ type }) => type === 'compared')).toMatchObject([
      { collection: PROFILE, relay: relay.url, differences, cost: { pairs: expect.any(Number) } },
    ])
    expect(events.at(-1)).toMatchObject({
      type: 'end',
      outcome: 'different',
      exitCode: 1,
      relays: [{ compared: 1, failed: 0, both: 44, onlyThere: 1, onlyHere: 1 }],
    })
    const equal = await cli([...args, SMALL])
    expect(equal.code).toBe(0)
    expect(jsonLines(equal.stdout).at(-1)).toMatchObject({ type: 'end', outcome: 'equal', exitCode: 0 })
  })

  test('a collection that is not complete is left out and counted, so that 0 means everything', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 45 } })
    await using postgres = await createPostgres()
    await cli(runOn(relay, postgres, '--collection', PROFILE))
    await kyselyProgressStore(postgres.db).register(relay.url, [{ nsid: SMALL }])
    const { code, stdout, stderr } = await cli(verifyOn(relay, postgres))
    expect(code).toBe(1)
    expect(stdout).toMatch(/^✓ index equals \S+ in what was compared: 45 pairs in 1 collection$/m)
    expect(stderr).toBe(
      'atproto-collection-backfill: 1 collection is not complete and was not compared. Run again first.\n',
    )
  })

  test("one that the relay refuses is told with the relay's own words, and the others are compared", async () => {
    let refused = false
    await using relay = await startRelay({
      collections: { [PROFILE]: 45, [SMALL]: 3 },
      script: ({ collection }) =>
        refused && collection === SMALL
          ? { status: 403, body: { error: 'AccessDenied', message: 'Not for you' } }
          : undefined,
    })
    await using postgres = await createPostgres()
    await cli(runOn(relay, postgres, '--collection', PROFILE, SMALL))
    refused = true
    const { code, stdout } = await cli(verifyOn(relay, postgres))
    expect(code).toBe(1)
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(`403: AccessDenied: Not for you.`)
    expect(stdout).toContain('45 equal in 1 collection, 1 could not be compared')
  })

  test('without a run over that relay, compares all that the index holds', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: ['did:web:a.example'] } })
    await using postgres = await createPostgres()
    await cli(['migrate', '--database', postgres.url])
    const nothing = await cli(verifyOn(relay, postgres))
    expect(nothing.code).toBe(2)
    expect(nothing.stderr).toContain('There is nothing to compare')
    const dids = ['did:web:a.example']
    await kyselyIndexSink(postgres.db).add({ relay: 'live', collection: PROFILE, dids })
    const { code, stdout } = await cli(verifyOn(relay, postgres))
    expect(code).toBe(0)
    expect(stdout).toContain(': 1 pair in 1 collection\n')
  })

  test('Ctrl-C ends it with 130', async () => {
    await using parking = await startParkedRelay(1)
    await using postgres = await createPostgres()
    await cli(['migrate', '--database', postgres.url])
    await using program = startCli(verifyOn(parking.relay, postgres, ...WALK_BIG))
    await parking.parked
    program.kill('SIGINT')
    const { code, stdout } = await program.ended
    expect(code).toBe(130)
    expect(stdout).toMatch(/Stopped before everything was compared\.\n$/)
  })
})
