import { expect, it } from 'vitest'
import {
  type BackfillListener,
  type BackfillOptions,
  collectionDirectory,
  createBackfiller,
  knownCollections,
  lexiconGarden,
  type SourceReport,
  ufos,
} from '../../src/index.ts'
import { memoryIndexSink } from '../../src/memory/memory-index-sink.ts'
import { memoryProgressStore } from '../../src/memory/memory-store.ts'
import { startRelay } from '../../src/testing/index.ts'
import { PROFILE, quick } from '../support/e2e.ts'
import { listenTo } from '../support/listen-to.ts'
import { scriptedLister } from '../support/scripted-lister.ts'
import { serveList } from '../support/served-list.ts'

const NAMES = ['com.example.first', 'com.example.second', 'com.example.third', PROFILE]

/** A run over nothing but empty collections: what it discovers is what counts here. */
function discoverAll(sources: BackfillOptions['collections'], onEvent: BackfillListener) {
  return createBackfiller({
    relay: scriptedLister({}),
    collections: sources,
    store: { sink: memoryIndexSink(), progress: memoryProgressStore() },
    retry: { ...quick, retries: 1 },
    onEvent,
  }).run()
}

it('a run uses the sources that answer, and names those that lack the list, talk rubbish or hang', async () => {
  await using relay = await startRelay({ collections: {}, garden: NAMES })
  await using rubbish = await serveList(() => ({ body: '<html>Welcome</html>' }))
  await using silent = await serveList(() => undefined)
  const lacking = collectionDirectory(relay.url)
  const broken = ufos({ url: rubbish.origin })
  const hanging = lexiconGarden({ url: silent.origin, timeoutMs: 300 })
  const failed = new Map<string, unknown>()
  let known: readonly string[] = []
  const summary = await discoverAll(
    [lacking, broken, hanging, lexiconGarden({ url: relay.gardenUrl })],
    listenTo({
      sourceFailed: ({ source, error }) => failed.set(source, error),
      discovered({ collections }) {
        known = collections.map(({ nsid }) => nsid)
      },
    }),
  )
  expect(known).toEqual(NAMES)
  expect(summary.completed).toBe(NAMES.length)
  expect(new Set(summary.failedSources)).toEqual(new Set([lacking.name, broken.name, hanging.name]))
  expect(failed.get(lacking.name)).toMatchObject({ code: 'RELAY_STATUS', status: 404 })
  expect(failed.get(broken.name)).toMatchObject({ code: 'RELAY_BAD_ANSWER' })
  expect(failed.get(hanging.name)).toMatchObject({ code: 'RELAY_TIMEOUT' })
  await expect.poll(() => silent.open()).toBe(0)
})

it('what sources give is counted, names that are none apart, and the largest estimate holds', async () => {
  await using directory = await serveList(() => ({
    body: { collections: { 'com.example.first': 70, 'not-an-nsid': 9, 'com.example.second': 5 }, cursor: '' },
  }))
  await using seen = await serveList(() => ({
    body: {
      collections: [
        { nsid: 'com.example.first', dids_estimate: 90 },
        { nsid: 7, dids_estimate: 8 },
      ],
      cursor: null,
    },
  }))
  let reports: readonly SourceReport[] = []
  const sizes: Record<string, number | undefined> = {}
  const sources = [collectionDirectory(directory.origin), ufos({ url: seen.origin }), knownCollections(NAMES)]
  await discoverAll(
    sources,
    listenTo({
      discovered(context) {
        reports = context.sources
        for (const { nsid, estimatedRepos } of context.collections) sizes[nsid] = estimatedRepos
      },
    }),
  )
  expect(reports.map(({ found, invalid }) => [found, invalid])).toEqual([
    [3, 1],
    [2, 1],
    [4, 0],
  ])
  expect(sizes).toEqual({
    'com.example.first': 90,
    'com.example.second': 5,
    'com.example.third': undefined,
    [PROFILE]: undefined,
  })
})
