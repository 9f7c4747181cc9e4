import { expect, it } from 'vitest'
import { createTextMeter } from '../../../src/cli/metrics/text-meter.ts'
import { createBacklogRuns, watchBacklogs } from '../../../src/cli/serve/backlog-runs.ts'
import type { ServeReport } from '../../../src/cli/serve/serve-report.ts'
import type { OpenedStore } from '../../../src/contracts/opened-store.ts'
import { memoryStore } from '../../../src/memory/memory-store.ts'
import { createMonitor } from '../../../src/monitor/monitor.ts'
import { scriptedLister } from '../../support/scripted-lister.ts'

const NAME = 'com.example.a'

it('each relay is read again from the moment that was meant for it, though one waits for the other', async () => {
  const store = memoryStore()
  const listers = ['a.example', 'b.example'].map((relay) =>
    scriptedLister({ [NAME]: [{ dids: ['did:web:x.example'] }] }, relay),
  )
  const relays = listers.map((lister) => {
    const { relay } = lister
    return { relay, address: relay, lister, monitor: createMonitor({ relay }) }
  })
  const nothing = () => {}
  const report: Partial<ServeReport> = { beginRun: nothing, endRun: nothing, handle: nothing, fail: nothing }
  const { run, admin } = createBacklogRuns({
    options: { collection: [NAME] },
    relays,
    store: store as unknown as OpenedStore,
    rows: store.progress,
    backlogs: watchBacklogs(
      relays.map(({ relay }) => relay),
      createTextMeter(),
    ),
    report: report as ServeReport,
    signal: new AbortController().signal,
  })
  await using _ = admin
  const runBoth = async (refreshBefore: Date | undefined) => {
    const ends = relays.map(({ relay }) => run(relay, { refreshBefore }))
    return (await Promise.all(ends)).map(({ outcome }) => outcome)
  }
  expect(await runBoth(undefined)).toEqual(['complete', 'complete'])
  expect(await runBoth(new Date(Date.now() + 60_000))).toEqual(['complete', 'complete'])
  // The first page, as a whole walk, twice.
  const walks = listers.map(({ requests }) => requests.filter(({ collection }) => collection === NAME).length)
  expect(walks).toEqual([2, 2])
})
