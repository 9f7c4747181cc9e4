import { describe, expect, it } from 'vitest'
import { knownCollections } from '../../../src/index.ts'
import { A, setUp } from '../../support/backfill-set-up.ts'
import { listenTo } from '../../support/listen-to.ts'
import { gate, pagesOf, scriptedLister } from '../../support/scripted-lister.ts'

describe('onEvent', () => {
  it('gets each request with its outcome, and each page before the loop does', async () => {
    const refusal = new Error('refused once')
    const told: unknown[] = []
    const lister = scriptedLister({
      [A]: ({ cursor }) => {
        if (lister.requests.length === 1) throw refusal
        return pagesOf(A, 2)[Number(cursor ?? 0)] ?? { dids: [] }
      },
    })
    const { start } = setUp(lister, {
      collections: [knownCollections([A])],
      onEvent: listenTo({
        requested: ({ durationMs, ...request }) => told.push([request, durationMs >= 0]),
        page: ({ durationMs, ...page }) => told.push([page, durationMs >= 0]),
      }),
    })
    for await (const { pages } of start()) told.push(pages)
    const of = { relay: 'relay.test', collection: A }
    expect(told.slice(0, 2)).toEqual([
      [{ type: 'requested', ...of, cursor: undefined, error: refusal }, true],
      [{ type: 'requested', ...of, cursor: undefined, repos: 2 }, true],
    ])
    expect(told).toContainEqual([{ type: 'requested', ...of, cursor: '1', repos: 2 }, true])
    const [first, second] = pagesOf(A, 2)
    const pages = told.filter((each) => JSON.stringify(each).includes('"page"'))
    const page = { type: 'page', ...of, added: 2, invalid: 0 }
    expect(pages).toEqual([
      [{ ...page, dids: first?.dids, cursor: '1', pages: 1, imported: 2, completed: false }, true],
      [{ ...page, dids: second?.dids, cursor: undefined, pages: 2, imported: 4, completed: true }, true],
    ])
    expect(told.indexOf(pages[0])).toBeLessThan(told.indexOf(1))
    expect(told.indexOf(pages[1])).toBeLessThan(told.indexOf(2))
  })

  it('that is async and rejects ends the run with that error', async () => {
    const bug = new Error('a bug in a listener')
    const never = gate<{ dids: string[] }>()
    const { start } = setUp(scriptedLister({ [A]: () => never.wait() }), {
      onEvent: listenTo({ collectionStarted: async () => Promise.reject(bug) }),
    })
    await expect(start().run()).rejects.toBe(bug)
  })

  it('that throws ends the run with that error', async () => {
    const bug = new Error('a bug in a listener')
    const { start } = setUp(scriptedLister({}), {
      onEvent: () => {
        throw bug
      },
    })
    await expect(start().run()).rejects.toBe(bug)
  })

  it('that never comes to an end slows nothing', async () => {
    const { start } = setUp(scriptedLister({}), { onEvent: () => new Promise(() => {}) })
    expect(await start().run()).toMatchObject({ completed: 3 })
  })
})
