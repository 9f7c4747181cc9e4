import { describe, expect, it } from 'vitest'
import { type Claim, type IndexSink, knownCollections } from '../../src/index.ts'
import { createCommitTurns, type WalkTurns } from '../../src/run/commit-turns.ts'
import { A, B, C, setUp as setUpRun } from '../support/backfill-set-up.ts'
import { pagesOf, scriptedLister } from '../support/scripted-lister.ts'

const [LONG, MIDDLE, SHORT, SMALL] = [
  'com.example.long',
  'com.example.middle',
  'com.example.short',
  'com.example.small',
]

function claimOf(collection: string, imported = 0): Claim {
  const place = { epoch: 1, pages: 0, invalid: 0, attempts: 0, restarts: 0 }
  return { relay: 'relay.test', owner: 'w', leaseMs: 60_000, collection, imported, ...place }
}

function setUp(sizes: Readonly<Record<string, number>>) {
  const stop = new AbortController()
  const turns = createCommitTurns(stop.signal)
  turns.expect(Object.entries(sizes).map(([nsid, estimatedRepos]) => ({ nsid, estimatedRepos })))
  /** The collections whose commits are under way, in the order in which they began. */
  const running: string[] = []
  /** Begins a commit, which goes on until it is told to end. */
  const commit = (walk: WalkTurns, collection: string, imported = 0) => {
    const end = Promise.withResolvers<void>()
    const done = walk.inTurn(claimOf(collection, imported), async () => {
      running.push(collection)
      await end.promise
      running.splice(running.indexOf(collection), 1)
    })
    return { done, end: end.resolve }
  }
  const enter = (collection: string) => turns.enter(claimOf(collection))
  return { turns, stop, running, commit, enter }
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

type Commit = ReturnType<ReturnType<typeof setUp>['commit']>

function commitOfEach(
  collections: readonly string[],
  { commit, enter }: Pick<ReturnType<typeof setUp>, 'commit' | 'enter'>,
): Commit[] {
  const walks = collections.map((collection) => ({ collection, walk: enter(collection) }))
  return walks.map(({ collection, walk }) => commit(walk, collection))
}

async function ended(commits: readonly Commit[]): Promise<void> {
  for (const { end } of commits) end()
  await Promise.all(commits.map(({ done }) => done))
}

describe('commits of walks', () => {
  it('of the longest wait for none; of the others, as many run beside it as it goes into what they have left, the one with most left next', async () => {
    // 200 of which 100 are the longest's: one beside it.
    const { running, commit, enter } = setUp({ [LONG]: 100, [MIDDLE]: 60, [SHORT]: 40 })
    const walks = { long: enter(LONG), middle: enter(MIDDLE), short: enter(SHORT) }
    const short = commit(walks.short, SHORT)
    const shortAgain = commit(walks.short, SHORT)
    const middle = commit(walks.middle, MIDDLE)
    await settled()
    expect(running).toEqual([SHORT])
    const long = commit(walks.long, LONG)
    await settled()
    expect(running).toEqual([SHORT, LONG])
    short.end()
    await short.done
    await settled()
    expect(running).toEqual([LONG, MIDDLE])
    for (const each of [long, middle, shortAgain]) each.end()
    await Promise.all([long.done, middle.done, shortAgain.done])
    expect(running).toEqual([])
  })

  it.each([
    ['no size is known', {}],
    ['none is much longer than the others', { [LONG]: 50, [MIDDLE]: 50, [SHORT]: 50 }],
    [
      'much is left that none has begun with',
      {
        [LONG]: 50,
        [MIDDLE]: 40,
        [SHORT]: 10,
        [SMALL]: 9,
        'com.example.e': 10,
        'com.example.f': 10,
        'com.example.g': 10,
        'com.example.h': 10,
      },
    ],
  ])('wait for none where %s', async (_, sizes) => {
    const { running, commit, enter } = setUp(sizes)
    const all = commitOfEach([LONG, MIDDLE, SHORT], { commit, enter })
    await settled()
    expect(running).toEqual([LONG, MIDDLE, SHORT])
    await ended(all)
  })

  it('run beside the longest one at a time at the least, however wrong a size is', async () => {
    const { running, commit, enter } = setUp({ [LONG]: 1_000_000, [MIDDLE]: 1, [SHORT]: 1 })
    const all = commitOfEach([LONG, MIDDLE, SHORT], { commit, enter })
    await settled()
    expect(running).toEqual([LONG, MIDDLE])
    await ended(all)
  })

  it('count what is left and not what was imported, and nothing of a larger one that is not begun with here', async () => {
    const { running, commit, enter } = setUp({ [LONG]: 1_000, [MIDDLE]: 100, [SHORT]: 60, [SMALL]: 40 })
    const walks = [MIDDLE, SHORT, SMALL].map((collection) => ({ collection, walk: enter(collection) }))
    const at = (imported: number) =>
      walks.map(({ collection, walk }) => commit(walk, collection, collection === MIDDLE ? imported : 0))
    // 160 are left, of which 60 are the longest's.
    const first = at(40)
    await settled()
    expect(running).toEqual([MIDDLE, SHORT, SMALL])
    await ended(first)
    // 110 are left, of which 60 are the longest's.
    const second = at(90)
    await settled()
    expect(running).toEqual([MIDDLE, SHORT])
    await ended(second)
  })

  it('of a walk that is larger than was told wait no longer than those of the longest', async () => {
    const { running, commit, enter } = setUp({ [LONG]: 100, [MIDDLE]: 10, [SHORT]: 20, [SMALL]: 19 })
    const walks = { long: enter(LONG), middle: enter(MIDDLE), short: enter(SHORT), small: enter(SMALL) }
    const all = [commit(walks.long, LONG), commit(walks.short, SHORT), commit(walks.small, SMALL)]
    await settled()
    expect(running).toEqual([LONG, SHORT])
    all.push(commit(walks.middle, MIDDLE, 11))
    await settled()
    expect(running).toContain(MIDDLE)
    await ended(all)
  })

  it('go on when a walk ends that was the longest, and when a commit fails', async () => {
    const { running, commit, enter } = setUp({ [LONG]: 100, [MIDDLE]: 20, [SHORT]: 20, [SMALL]: 20 })
    const long = enter(LONG)
    const refused = enter(MIDDLE).inTurn(claimOf(MIDDLE), () => Promise.reject(new Error('refused')))
    await expect(refused).rejects.toThrow('refused')
    const all = commitOfEach([MIDDLE, SHORT, SMALL], { commit, enter })
    await settled()
    expect(running).toEqual([MIDDLE])
    long.leave()
    await settled()
    expect(running).toEqual([MIDDLE, SHORT, SMALL])
    await ended(all)
  })

  it('are not waited for once the run is over', async () => {
    const { stop, commit, enter } = setUp({ [LONG]: 100, [MIDDLE]: 1, [SHORT]: 1 })
    const [long, middle, short] = commitOfEach([LONG, MIDDLE, SHORT], { commit, enter })
    await settled()
    stop.abort(new Error('over'))
    await expect(short?.done).rejects.toThrow('over')
    await ended([long, middle].filter((each) => each !== undefined))
  })
})

describe('a run', () => {
  it.each([
    { what: 'that knows of a long one', sizes: { [A]: 1_000, [B]: 100, [C]: 100 }, atOnce: 2 },
    { what: 'that knows no sizes', sizes: { [A]: undefined, [B]: undefined, [C]: undefined }, atOnce: 3 },
  ])('$what lets $atOnce of three walks commit at once, to the end', async ({ sizes, atOnce }) => {
    let adding = 0
    let most = 0
    const sink: IndexSink = {
      async add({ dids }) {
        adding += 1
        most = Math.max(most, adding)
        // Long enough that every walk has a page by then: each of its steps is a promise.
        for (let turns = 0; turns < 20; turns += 1) await settled()
        adding -= 1
        return { added: dids.length }
      },
    }
    const lister = scriptedLister({ [A]: pagesOf(A, 9), [B]: pagesOf(B, 9), [C]: pagesOf(C, 9) })
    const known = Object.entries(sizes).map(([nsid, estimatedRepos]) => ({ nsid, estimatedRepos }))
    const run = setUpRun(lister, { sink, collections: [knownCollections(known)], concurrency: 3 }).start()
    expect(await run.run()).toMatchObject({ completed: 3, pages: 27 })
    expect(most).toBe(atOnce)
  })
})
