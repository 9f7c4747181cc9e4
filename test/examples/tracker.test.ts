import type { PageEvent } from 'atproto-collection-backfill'
import { expect, test } from 'vitest'
import { trackProgress } from '../../examples/demo/tracker.ts'

const SOURCE = 'relay.example'

function page(collection: string, imported: number, completed = false): PageEvent {
  return { source: SOURCE, collection, dids: [], added: 0, rejected: 0, page: 1, imported, completed }
}

const started = (collection: string) => ({ source: SOURCE, collection, page: 0, imported: 0 })

test('goes on from what earlier runs have done', () => {
  const row = { source: SOURCE, page: 1, rejected: 0, attempts: 0 }
  const tracker = trackProgress(
    [
      { ...row, collection: 'com.example.a', state: 'complete', imported: 10, estimatedRepos: 12 },
      { ...row, collection: 'com.example.b', state: 'pending', imported: 4, estimatedRepos: 8 },
    ],
    () => 3,
  )
  const { collections, pairs, requests } = tracker.view()
  expect({ collections, pairs, requests }).toEqual({
    collections: { done: 1, total: 2 },
    pairs: { done: 14, total: 20 },
    requests: 3,
  })
})

test('a walk keeps its line, and the next one takes the line of one that has ended', () => {
  const { hooks, page: onPage, view } = trackProgress([], () => 0)
  const names = ['com.example.a', 'com.example.b', 'com.example.c']
  hooks.discovered?.({ collections: names.map((nsid) => ({ nsid, estimatedRepos: 5 })), sources: [] })
  hooks.collectionStarted?.(started('com.example.a'))
  hooks.collectionStarted?.(started('com.example.b'))
  onPage(page('com.example.a', 5, true))
  expect(view().walks.map(({ collection, done }) => [collection, done])).toEqual([
    ['com.example.a', true],
    ['com.example.b', false],
  ])
  hooks.collectionStarted?.(started('com.example.c'))
  expect(view().walks.map(({ collection }) => collection)).toEqual(['com.example.c', 'com.example.b'])
})

test('a collection that fails is counted until it is complete after all', () => {
  const { hooks, page: onPage, view } = trackProgress([], () => 0)
  hooks.discovered?.({ collections: [{ nsid: 'com.example.a' }], sources: [] })
  hooks.collectionStarted?.(started('com.example.a'))
  hooks.collectionFailed?.({
    ...started('com.example.a'),
    error: new Error('gone\n  away'),
    attempts: 1,
    restart: false,
  })
  expect(view()).toMatchObject({ failed: 1, walks: [], notice: 'com.example.a: gone away' })
  hooks.collectionStarted?.(started('com.example.a'))
  onPage(page('com.example.a', 5, true))
  expect(view()).toMatchObject({ failed: 0, fraction: 1, collections: { done: 1, total: 1 } })
})

test('without every size there is no total and no time left', () => {
  const { hooks, view } = trackProgress([], () => 0)
  const collections = [{ nsid: 'com.example.a', estimatedRepos: 5 }, { nsid: 'com.example.b' }]
  hooks.discovered?.({ collections, sources: [] })
  expect(view().pairs).toEqual({ done: 0, total: undefined })
  expect(view().secondsLeft).toBeUndefined()
})
