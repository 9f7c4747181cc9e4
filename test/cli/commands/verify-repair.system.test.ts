import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { collectionIndex, kyselyIndexSink, kyselyProgressStore } from '../../../src/kysely/index.ts'
import { startRelay, type TestRelay } from '../../../src/testing/index.ts'
import { CLI, cli, jsonLines, runOn } from '../../support/cli.ts'
import { createPostgres, type TestPostgres } from '../../support/databases.ts'
import { openTerminal } from '../../support/terminal.ts'

const PROFILE = 'app.bsky.actor.profile'
const SMALL = 'com.example.small'
const FOREIGN = ['did:web:one.example', 'did:web:two.example']

const verifyOn = (relay: { url: string }, postgres: TestPostgres, ...more: string[]) => [
  'verify',
  ...runOn(relay, postgres, ...more).slice(1),
]

/** `PROFILE` lacks a repo, and holds two that the relay does not list. */
async function changedIndex(relay: TestRelay): Promise<TestPostgres> {
  const postgres = await createPostgres()
  await cli(runOn(relay, postgres, '--collection', PROFILE, SMALL))
  await collectionIndex(postgres.db).remove(PROFILE, [...relay.dids(PROFILE)].slice(0, 1))
  await kyselyIndexSink(postgres.db).add({ relay: 'x', collection: PROFILE, dids: FOREIGN })
  return postgres
}

const reposOf = async ({ db }: TestPostgres, collection: string) =>
  (await collectionIndex(db).listRepos(collection)).dids

describe('verify --repair', () => {
  const collections = { [PROFILE]: 45, [SMALL]: 3 }

  test('--yes: adds what is missing, removes what is surplus, and ends with 0', async () => {
    await using relay = await startRelay({ collections })
    await using postgres = await changedIndex(relay)
    const { code, stdout, stderr } = await cli(verifyOn(relay, postgres, '--repair', '--yes'))
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(
      /≠ app\.bsky\.actor\.profile\s+44 equal, 1 missing, 2 surplus: 1 added, 2 removed$/m,
    )
    expect(stdout).toContain(
      `✓ index repaired from ${relay.url}: 1 added, 2 removed, 47 equal in 2 collections\n`,
    )
    expect(await reposOf(postgres, PROFILE)).toEqual([...relay.dids(PROFILE)].sort())
    expect((await cli(verifyOn(relay, postgres))).code).toBe(0)
  })

  test('add: asks nothing, and what is surplus is still a difference', async () => {
    await using relay = await startRelay({ collections })
    await using postgres = await changedIndex(relay)
    const { code, stdout } = await cli(verifyOn(relay, postgres, '--repair', 'add', '--json'))
    expect(code).toBe(1)
    const end = {
      outcome: 'different',
      exitCode: 1,
      relays: [{ added: 1, removed: 0, onlyThere: 1, onlyHere: 2 }],
    }
    expect(jsonLines(stdout).at(-1)).toMatchObject({ type: 'end', ...end })
    const compared = jsonLines(stdout).find(
      ({ collection, type }) => collection === PROFILE && type === 'compared',
    )
    expect(compared?.repaired).toEqual({ added: 1, removed: 0 })
    expect(await reposOf(postgres, PROFILE)).toEqual([...relay.dids(PROFILE), ...FOREIGN].sort())
  })

  test.each([[['--repair']], [['--repair', 'remove']], [['--repair', 'both', '--json']]])(
    '%j without a terminal and without --yes is refused before anything is asked, and says so',
    async (options) => {
      await using relay = await startRelay({ collections })
      const nowhere = 'postgres://127.0.0.1:1/none'
      const { code, stdout, stderr } = await cli([
        'verify',
        '--relay',
        relay.url,
        '--database',
        nowhere,
        ...options,
      ])
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
      expect(stderr).toMatch(/no terminal to ask on.*Add --yes/)
      expect(relay.requests).toEqual([])
    },
  )

  test('what another relay brought is surplus where that relay is not named, and is kept where it is', async () => {
    await using one = await startRelay({ collections })
    await using two = await startRelay({ collections: { [PROFILE]: ['did:web:two.example'], [SMALL]: [] } })
    await using postgres = await createPostgres()
    for (const relay of [one, two]) await cli(runOn(relay, postgres, '--collection', PROFILE, SMALL))
    const both = await cli(verifyOn(one, postgres, '--relay', two.url, '--repair', '--yes'))
    expect(both.code).toBe(0)
    expect(both.stdout).toContain(`✓ index equals ${one.url}, ${two.url}: 49 pairs in 2 collections\n`)
    expect(await reposOf(postgres, PROFILE)).toContain('did:web:two.example')
    const alone = await cli(verifyOn(one, postgres, '--repair', '--yes'))
    expect(alone.code).toBe(0)
    expect(alone.stdout).toContain(`also filled from ${two.url}`)
    expect(await reposOf(postgres, PROFILE)).not.toContain('did:web:two.example')
  })

  test('in a terminal: says how much it would remove and asks; a no changes nothing, a yes removes it', async () => {
    await using relay = await startRelay({ collections })
    await using postgres = await changedIndex(relay)
    await using terminal = await openTerminal({ columns: 100, rows: 30, env: { NO_COLOR: '1' } })
    const command = `"${process.execPath}" "${CLI}" ${verifyOn(relay, postgres, '--repair').join(' ')}; echo "code $?"`
    const question = /^Remove 2 pairs of 1 collection from the index, which \S+ does not list\? \[y\/N\]/m
    const answered = async (answer: string, code: number) => {
      await terminal.clear()
      await terminal.type(command)
      await terminal.until(question)
      await (answer === 'C-c' ? terminal.press(answer) : terminal.type(answer))
      await terminal.until(new RegExp(`^code ${code}$`, 'm'))
      return await terminal.screen()
    }
    expect(await answered('n', 1)).toMatch(/^✗ index differs from .* 1 missing, 2 surplus/m)
    await answered('C-c', 130)
    expect(await reposOf(postgres, PROFILE)).toEqual(
      [...[...relay.dids(PROFILE)].slice(1), ...FOREIGN].sort(),
    )
    expect(await answered('y', 0)).toMatch(
      /^✓ index repaired from .*: 1 added, 2 removed, 47 equal in 2 collections/m,
    )
    expect(await reposOf(postgres, PROFILE)).toEqual([...relay.dids(PROFILE)].sort())
  })
})

describe('verify --repair in a terminal, over a relay that lists less once it has asked', () => {
  const collections = { [PROFILE]: 45, [SMALL]: 3 }

  /** `PROFILE` holds a surplus pair, and the relay lists less of one collection as soon as the question stands. */
  async function answerYes(
    less: string,
    mode: string,
    change: (relay: TestRelay) => Record<string, string[]>,
  ) {
    let isAsked = false
    await using relay: TestRelay = await startRelay({
      collections,
      script: ({ collection }) =>
        collection === less && isAsked
          ? { answer: ({ repos }) => ({ repos: less === SMALL ? [] : repos.slice(20) }) }
          : undefined,
    })
    await using postgres = await createPostgres()
    await cli(runOn(relay, postgres, '--collection', PROFILE, SMALL))
    for (const [nsid, dids] of Object.entries(change(relay)))
      await collectionIndex(postgres.db).remove(nsid, dids)
    await kyselyIndexSink(postgres.db).add({ relay: 'x', collection: PROFILE, dids: FOREIGN.slice(1) })
    const before = await reposOf(postgres, less)
    await using terminal = await openTerminal({ columns: 100, rows: 30, env: { NO_COLOR: '1' } })
    const command = `"${process.execPath}" "${CLI}" ${verifyOn(relay, postgres, '--repair', mode).join(' ')}`
    await terminal.type(`${command}; echo "code $?"`)
    await terminal.until(/^Remove 1 pair of 1 collection from the index/m)
    isAsked = true
    await terminal.type('y')
    await terminal.until(/^code \d$/m)
    const screen = await terminal.screen()
    expect(screen).toMatch(/^code 1$/m)
    expect(await reposOf(postgres, less)).toEqual(before)
    return { screen, profile: await reposOf(postgres, PROFILE), listed: [...relay.dids(PROFILE)].sort() }
  }

  test.each([
    { mode: 'both', added: 1 },
    { mode: 'remove', added: 0 },
  ])('$mode: removes nothing of a collection of which the question did not tell', async ({ mode, added }) => {
    const { screen, profile, listed } = await answerYes(SMALL, mode, (relay) => ({
      [SMALL]: [...relay.dids(SMALL)].slice(0, 1),
      [PROFILE]: [...relay.dids(PROFILE)].slice(0, added),
    }))
    expect(screen).toMatch(new RegExp(`: ${added} added, 1 removed$`, 'm'))
    expect(profile).toEqual(listed)
  })

  test('removes nothing of a collection in which far more would go by then', async () => {
    const { screen } = await answerYes(PROFILE, 'both', () => ({}))
    const words = screen.replaceAll(/\s+/g, ' ')
    expect(words).toContain('1 could not be compared')
    expect(words).toContain('more is surplus by now than you were asked about')
  })
})

describe('an index that was emptied, or restored older than its progress', () => {
  test.each(['truncate collection_index_pair', 'truncate collection_index_pair, collection_index_nsid'])(
    'is found out, and filled again: %s',
    async (loss) => {
      await using relay = await startRelay({ collections: { [PROFILE]: 45, [SMALL]: 3 } })
      await using postgres = await createPostgres()
      await cli(runOn(relay, postgres, '--collection', PROFILE, SMALL))
      await sql.raw(loss).execute(postgres.db)
      const found = await cli(verifyOn(relay, postgres))
      expect(found.code).toBe(1)
      expect(found.stdout).toContain('48 missing, 0 surplus, 0 equal in 2 collections')
      // Nothing is surplus, so there is nothing to ask.
      const repaired = await cli(verifyOn(relay, postgres, '--repair', 'add'))
      expect(repaired.code).toBe(0)
      expect(repaired.stdout).toContain('48 added, 0 removed')
      for (const nsid of [PROFILE, SMALL])
        expect(await reposOf(postgres, nsid)).toEqual([...relay.dids(nsid)].sort())
    },
  )

  test('is found out where a part of one collection is missing', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 45 } })
    await using postgres = await createPostgres()
    await cli(runOn(relay, postgres, '--collection', PROFILE))
    await collectionIndex(postgres.db).remove(PROFILE, [...relay.dids(PROFILE)].slice(20))
    const { code, stdout } = await cli(verifyOn(relay, postgres, '--repair', 'both', '--yes'))
    expect(code).toBe(0)
    expect(stdout).toContain('25 added, 0 removed, 20 equal in 1 collection')
  })
})

describe('a collection that is not settled is not equal', () => {
  const settled = async (relay: TestRelay) => {
    const postgres = await createPostgres()
    await cli(runOn(relay, postgres, '--collection', PROFILE, SMALL))
    return postgres
  }
  const claimOn = async (relay: TestRelay, { db }: TestPostgres) => {
    const progress = kyselyProgressStore(db)
    await progress.reset(relay.url, [SMALL])
    return { progress, claim: () => progress.claim({ relay: relay.url, owner: 'x', leaseMs: 600_000 }) }
  }

  test.each(['pending', 'running', 'failed'] as const)(
    '%s: named or not, the outcome and the exit code say so',
    async (state) => {
      await using relay = await startRelay({ collections: { [PROFILE]: 45, [SMALL]: 3 } })
      await using postgres = await settled(relay)
      const { progress, claim } = await claimOn(relay, postgres)
      const held = state === 'pending' ? undefined : await claim()
      if (held !== undefined && state === 'failed')
        await progress.release(held, { kind: 'failed', error: 'no' })
      const all = await cli(verifyOn(relay, postgres, '--json'))
      expect(all.code).toBe(1)
      expect(jsonLines(all.stdout).at(-1)).toMatchObject({
        outcome: 'incomplete',
        leftOut: 1,
        unsettled: [{ relay: relay.url, collection: SMALL, state }],
        relays: [{ compared: 1 }],
      })
      const named = await cli(verifyOn(relay, postgres, '--collection', SMALL))
      expect(named.code).toBe(1)
      expect(named.stdout).toContain('✓ index equals ')
      expect(named.stderr).toBe(
        `atproto-collection-backfill: ${SMALL} is not complete: it is ${state}. Run again first.\n`,
      )
    },
  )

  test('nothing complete at all is no success', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 45 } })
    await using postgres = await createPostgres()
    await cli(['migrate', '--database', postgres.url])
    await kyselyProgressStore(postgres.db).register(relay.url, [{ nsid: SMALL }])
    const { code, stdout } = await cli(verifyOn(relay, postgres, '--json'))
    expect(code).toBe(1)
    expect(jsonLines(stdout).at(-1)).toMatchObject({
      outcome: 'incomplete',
      leftOut: 1,
      relays: [{ compared: 0 }],
    })
  })

  test('cursors that changed their meaning are settled by the comparison', async () => {
    await using relay = await startRelay({ collections: { [PROFILE]: 45, [SMALL]: 3 } })
    await using postgres = await settled(relay)
    const { progress, claim } = await claimOn(relay, postgres)
    const held = await claim()
    if (held === undefined) throw new Error('a collection that was reset is free')
    await progress.release(held, { kind: 'restart', error: 'x', flags: ['cursorsChanged'] })
    await cli(runOn(relay, postgres, '--collection', SMALL))
    const { code, stdout } = await cli(verifyOn(relay, postgres))
    expect(code).toBe(0)
    expect(stdout).toContain('✓ index equals ')
  })
})

test('what a rebuilt relay left in the index stays after a reset and a new run, is named, and goes with --repair', async () => {
  const names = Array.from({ length: 6 }, (_, i) => `com.example.n${i}`)
  await using relay = await startRelay({
    collections: { [PROFILE]: 45, ...Object.fromEntries(names.map((nsid) => [nsid, 30])) },
  })
  await using postgres = await createPostgres()
  const running = ['--collection', PROFILE, ...names, '--page-size', '10']
  await cli(runOn(relay, postgres, ...running))
  // What a walk over cursors of another database brought: DIDs of another collection, of which two thirds are in this one too.
  for (const nsid of names)
    await kyselyIndexSink(postgres.db).add({
      relay: relay.url,
      collection: nsid,
      dids: [...relay.dids(PROFILE)],
    })
  relay.rebuild()
  await cli(['reset', ...names, '--database', postgres.url])
  expect((await cli(runOn(relay, postgres, ...running))).code).toBe(0)
  const found = await cli(verifyOn(relay, postgres, '--page-size', '10'))
  expect(found.code).toBe(1)
  expect(found.stdout).toContain('0 missing, 90 surplus, 225 equal in 7 collections')
  const repaired = await cli(verifyOn(relay, postgres, '--repair', 'remove', '--yes', '--page-size', '10'))
  expect(repaired.code).toBe(0)
  expect(repaired.stdout).toContain('0 added, 90 removed, 225 equal in 7 collections')
  for (const nsid of [PROFILE, ...names])
    expect(await reposOf(postgres, nsid)).toEqual([...relay.dids(nsid)].sort())
})
