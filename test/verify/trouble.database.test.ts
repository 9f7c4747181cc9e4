import { describe, expect, it } from 'vitest'
import {
  type CollectionReport,
  type RepoIndex,
  relayLister,
  StoreUnavailableError,
  verify,
} from '../../src/index.ts'
import { NotMigratedError } from '../../src/kysely/table-errors.ts'
import { memoryIndex } from '../../src/memory/memory-index.ts'
import { startRelay, type TestRelayOptions } from '../../src/testing/index.ts'
import { PROFILE, quick } from '../support/e2e.ts'
import { listenTo } from '../support/listen-to.ts'
import { scriptedLister } from '../support/scripted-lister.ts'
import { A, B, C, compare, FIRST, MIXED, SORTED } from '../support/verification.ts'

describe('trouble', () => {
  const lists = { [A]: SORTED, [B]: MIXED, [C]: SORTED }

  it('a request that fails is made again, and told', async () => {
    const retried: unknown[] = []
    const { reports } = await compare(
      lists,
      lists,
      { onEvent: listenTo({ retry: (context) => retried.push(context) }) },
      {
        script: ({ collection, attempt, n }) =>
          collection !== PROFILE && attempt === 1 && n % 5 === 0
            ? { status: 502, body: '<html>' }
            : undefined,
      },
    )
    expect(reports.map(({ differences }) => differences?.both)).toEqual([500, 500, 500])
    expect(retried.length).toBeGreaterThan(3)
  })

  it('a collection that cannot be read is reported with its error, and the others follow', async () => {
    const script: TestRelayOptions['script'] = ({ collection, offset }) =>
      collection === B && (offset ?? 0) > 100 ? { status: 404 } : undefined
    const { reports, summary } = await compare(lists, lists, {}, { script })
    expect(reports.map(({ collection, differences }) => [collection, differences?.both])).toEqual([
      [A, 500],
      [B, undefined],
      [C, 500],
    ])
    expect(reports[1]?.error).toMatchObject({ code: 'RELAY_STATUS', status: 404 })
    expect(summary).toMatchObject({ compared: 2, failed: 1, both: 1_000, onlyThere: 0 })
  })

  it('a relay whose cursors run in a circle ends in bounded requests', async () => {
    const pages = (cursor: string) => ({
      dids: [`did:web:a${cursor}`],
      cursor: String((Number(cursor) + 1) % 6),
    })
    const lister = scriptedLister({ [A]: ({ cursor = '0' }) => pages(cursor) })
    const index = memoryIndex(new Map([[A, new Set([FIRST])]]))
    const [report] = await Array.fromAsync(verify({ relay: lister, index, retry: quick }))
    expect(report).toMatchObject({ error: { code: 'CURSOR_LOOP' } })
    expect(lister.requests.length).toBeLessThan(60)
  })

  it('an index whose cursors run in a circle ends, too', async () => {
    const lister = scriptedLister({ [A]: [{ dids: SORTED }] })
    const index: RepoIndex = { listRepos: async () => ({ dids: [FIRST], cursor: 'x' }) }
    const [report] = await Array.fromAsync(verify({ relay: lister, index, collections: [A], retry: quick }))
    expect(report).toMatchObject({ error: { code: 'CURSOR_LOOP' } })
  })

  it('an index whose list of collections runs in a circle ends it', async () => {
    const lister = scriptedLister({ [A]: [{ dids: SORTED }] })
    const index: RepoIndex = {
      listRepos: async () => ({ dids: SORTED }),
      listCollections: async () => ({ collections: [{ nsid: A }], cursor: 'x' }),
    }
    const reports: CollectionReport[] = []
    const read = async () => {
      for await (const report of verify({ relay: lister, index })) {
        if (reports.push(report) > 10) return
      }
    }
    await expect(read()).rejects.toMatchObject({ code: 'CURSOR_LOOP' })
  })

  it('a relay that is empty, or lacks the method, ends it before it begins', async () => {
    await using relay = await startRelay({ collections: {} })
    const index = memoryIndex(new Map([[A, new Set(SORTED)]]))
    await expect(verify({ relay: relayLister(relay.url), index }).run()).rejects.toMatchObject({
      code: 'RELAY_UNSUITABLE',
    })
  })

  it('an index that is unavailable is waited for', async () => {
    const told: unknown[] = []
    const whole = memoryIndex(new Map([[A, new Set(SORTED)]]))
    let calls = 0
    const index: RepoIndex = {
      async listRepos(...asked) {
        calls += 1
        if (calls === 1) throw new StoreUnavailableError('down', undefined)
        return whole.listRepos(...asked)
      },
    }
    const lister = scriptedLister({ [A]: [{ dids: SORTED }] })
    const onEvent = listenTo({ storeUnavailable: (context: unknown) => told.push(context) })
    expect(await verify({ relay: lister, index, collections: [A], onEvent }).run()).toMatchObject({
      both: 500,
    })
    expect(told).toHaveLength(1)
  })

  it('missing tables end it', async () => {
    const fault = new NotMigratedError(undefined)
    const index: RepoIndex = { listRepos: () => Promise.reject(fault) }
    const lister = scriptedLister({ [A]: [{ dids: SORTED }] })
    await expect(verify({ relay: lister, index, collections: [A] }).run()).rejects.toBe(fault)
  })

  it('an index that is not in order is no reason for differences', async () => {
    const index: RepoIndex = { listRepos: async () => ({ dids: MIXED }) }
    const lister = scriptedLister({ [A]: [{ dids: SORTED }] })
    const [report] = await Array.fromAsync(verify({ relay: lister, index, collections: [A] }))
    expect(report).toMatchObject({ method: 'hash', differences: { both: 500, onlyThere: 0, onlyHere: 0 } })
  })
})
