import { describe, expect, it } from 'vitest'
import { knownCollections } from '../../../src/index.ts'
import { A, B, C, setUp } from '../../support/backfill-set-up.ts'
import { gate, pagesOf, scriptedLister } from '../../support/scripted-lister.ts'

describe('hooks', () => {
  it('may be the methods of a class', async () => {
    class Log {
      readonly started: string[] = []
      collectionStarted({ collection }: { collection: string }) {
        this.started.push(collection)
      }
    }
    const hooks = new Log()
    const { start } = setUp(scriptedLister({}), { hooks })
    await start().run()
    expect(hooks.started).toEqual([A, B, C])
  })

  it('tell each request with its outcome, and each commit before its page events', async () => {
    const refusal = new Error('refused once')
    const told: unknown[] = []
    const lister = scriptedLister({
      [A]: ({ cursor }) => {
        if (lister.requests.length === 1) throw refusal
        return pagesOf(A, 2)[Number(cursor ?? 0)] ?? { dids: [] }
      },
    })
    const { start } = setUp(lister, {
      sources: [knownCollections([A])],
      hooks: {
        requested: ({ durationMs, ...request }) => told.push([request, durationMs >= 0]),
        committed: ({ durationMs, ...commit }) => told.push([commit, durationMs >= 0]),
      },
    })
    for await (const { pages: page } of start()) told.push(page)
    const of = { relay: 'relay.test', collection: A }
    expect(told.slice(0, 2)).toEqual([
      [{ ...of, cursor: undefined, error: refusal }, true],
      [{ ...of, cursor: undefined, repos: 2 }, true],
    ])
    expect(told).toContainEqual([{ ...of, cursor: '1', repos: 2 }, true])
    const commits = told.filter((each) => JSON.stringify(each).includes('"pages"'))
    expect(commits).toEqual([
      [{ ...of, pages: 1, dids: 2, added: 2 }, true],
      [{ ...of, pages: 1, dids: 2, added: 2 }, true],
    ])
    expect(told.indexOf(commits[0])).toBeLessThan(told.indexOf(1))
    expect(told.indexOf(commits[1])).toBeLessThan(told.indexOf(2))
  })

  it('that are async and reject end the run with that error', async () => {
    const bug = new Error('a bug in a hook')
    const never = gate<{ dids: string[] }>()
    const { start } = setUp(scriptedLister({ [A]: () => never.wait() }), {
      hooks: { collectionStarted: async () => Promise.reject(bug) },
    })
    await expect(start().run()).rejects.toBe(bug)
  })
})
