import { expect, it } from 'vitest'
import { knownCollections, RelayError } from '../../../src/index.ts'
import { A, setUp } from '../../support/backfill-set-up.ts'
import { listenTo } from '../../support/listen-to.ts'
import { pagesOf, scriptedLister } from '../../support/scripted-lister.ts'

const relay = 'relay.test'

it('a collection that gives a page after each wait never fails, however many waits there are in all', async () => {
  const pages = pagesOf(A, 5)
  const refused = new Set<string | undefined>()
  const lister = scriptedLister({
    [A]({ cursor }) {
      if (refused.has(cursor)) return pages[Number(cursor ?? 0)] ?? { dids: [] }
      refused.add(cursor)
      throw new RelayError('RELAY_STATUS', 'slow down', {
        relay,
        status: 429,
        retryable: true,
        retryAfterMs: 20,
      })
    },
  })
  const attempts: number[] = []
  const onEvent = listenTo({ collectionFailed: (event) => attempts.push(event.attempts) })
  const { start } = setUp(lister, { collections: [knownCollections([A])], maxAttempts: 1, onEvent })
  expect(await start().run()).toMatchObject({ completed: 1, pages: 5 })
  expect(attempts).toEqual([0, 0, 0, 0, 0])
})
