import { describe, expect, it } from 'vitest'
import type { CollectionSource, KnownCollection, RepoLister } from '../../src/index.ts'
import { createToldSizes } from '../../src/run/told-sizes.ts'
import { A, B, C, collect, setUp } from '../support/backfill-set-up.ts'
import { pagesOf, scriptedLister } from '../support/scripted-lister.ts'

describe('a walk that ends', () => {
  it.each([
    { told: 1_000, entries: 499, pageSize: 100, flags: ['smallerThanTold'] },
    { told: 1_000, entries: 500, pageSize: 100, flags: [] },
    { told: 1_000, entries: 2_000, pageSize: 100, flags: [] },
    { told: 1_000, entries: 2_001, pageSize: 100, flags: ['largerThanTold'] },
    { told: 1_000, entries: 0, pageSize: 1_000, flags: [] },
    { told: 1_001, entries: 0, pageSize: 1_000, flags: ['smallerThanTold'] },
    { told: 5, entries: 2_005, pageSize: 2_000, flags: [] },
    { told: 5, entries: 2_006, pageSize: 2_000, flags: ['largerThanTold'] },
    { told: 100, entries: 30, pageSize: undefined, flags: ['smallerThanTold'] },
    { told: 25, entries: 5, pageSize: undefined, pages: 1, flags: ['smallerThanTold'] },
    { told: 0, entries: 9_999, pageSize: 100, flags: [] },
    { told: undefined, entries: 9_999, pageSize: 100, flags: [] },
  ])('with $entries of $told told, $pageSize a page: $flags', ({ told, pageSize, flags, ...walk }) => {
    const sizes = createToldSizes(pageSize)
    if (told !== undefined) sizes.take(new Map([[A, told]]))
    expect(sizes.flagsOf({ collection: A, pages: 3, ...walk })).toEqual(flags)
  })
})

describe('a run', () => {
  const relay = 'relay.test'
  const source = (collections: readonly KnownCollection[], directoryOf?: string): CollectionSource => ({
    name: 'a source',
    directoryOf,
    async *collections() {
      yield* collections
    },
  })
  const sizes = [
    { nsid: A, estimatedRepos: 100 },
    { nsid: B, estimatedRepos: 4 },
    { nsid: C, estimatedRepos: 10 },
  ]
  const scripts = { [A]: pagesOf(A, 5), [B]: pagesOf(B, 5), [C]: pagesOf(C, 5) }

  it('tells, and keeps, that a walk ended far from what the relay’s own directory told', async () => {
    const { start, progress } = setUp(scriptedLister(scripts), { collections: [source(sizes, relay)] })
    const pages = await collect(start())
    const told = pages.filter(({ flags }) => flags !== undefined)
    expect(told.map(({ collection, completed, flags }) => [collection, completed, flags])).toEqual([
      [A, true, ['smallerThanTold']],
      [B, true, ['largerThanTold']],
    ])
    const kept = async () => (await progress.list()).map(({ flags }) => flags)
    expect(await kept()).toEqual([['smallerThanTold'], ['largerThanTold'], []])
    await progress.reset(relay, [A])
    expect(await kept()).toEqual([[], ['largerThanTold'], []])
  })

  it('counts what an earlier run had read of the walk, and entries that were no DIDs', async () => {
    const [first, ...rest] = pagesOf(B, 5)
    const lister = scriptedLister({ ...scripts, [B]: [{ ...first, dids: [], invalid: 2 }, ...rest] })
    const { start, progress } = setUp(lister, { collections: [source(sizes, relay)], concurrency: 1 })
    for await (const page of start()) if (page.collection === B) break
    const summary = await start().run()
    expect(summary.completed).toBeGreaterThan(0)
    expect((await progress.list()).map(({ flags }) => flags)).toEqual([
      ['smallerThanTold'],
      ['largerThanTold'],
      [],
    ])
  })

  it.each([
    ['another relay’s directory', source(sizes, 'other.test')],
    ['a source of estimates', source(sizes)],
  ])('believes no sizes of %s', async (_, given) => {
    const { start, progress } = setUp(scriptedLister(scripts), { collections: [given] })
    await start().run()
    expect((await progress.list()).map(({ flags }) => flags)).toEqual([[], [], []])
  })

  it('believes the lister’s own page size', async () => {
    const lister: RepoLister = { ...scriptedLister(scripts), pageSize: 2_000 }
    const { start, progress } = setUp(lister, { collections: [source(sizes, relay)] })
    await start().run()
    expect((await progress.list()).map(({ flags }) => flags)).toEqual([[], [], []])
  })
})
