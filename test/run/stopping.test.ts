import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type CollectionSource,
  createBackfiller,
  DiscoveryError,
  type IndexSink,
  knownCollections,
  RelayError,
} from '../../src/index.ts'
import { memoryIndexSink } from '../../src/memory/memory-index-sink.ts'
import { memoryProgressStore } from '../../src/memory/memory-store.ts'
import { type MoreOptions, withMore } from '../support/backfill-set-up.ts'
import { listenTo } from '../support/listen-to.ts'
import { gate, pagesOf, scriptedLister } from '../support/scripted-lister.ts'
import { startStopwatch } from '../support/stopwatch.ts'

const A = 'com.example.a'
const B = 'com.example.b'
const reason = new Error('the caller has had enough')

/** What the process holds open beyond `before`. The test runner's own timers come and go: they are in `before`. */
function newHandles(before: readonly string[]): string[] {
  const known = [...before]
  return process.getActiveResourcesInfo().filter((kind) => {
    const at = known.indexOf(kind)
    if (at >= 0) known.splice(at, 1)
    return at < 0
  })
}

function setUp(options: MoreOptions = {}) {
  const controller = new AbortController()
  const progress = memoryProgressStore()
  const usual = {
    relay: scriptedLister({ [A]: pagesOf(A, 5), [B]: pagesOf(B, 5) }),
    collections: [A, B],
    store: { sink: memoryIndexSink(), progress },
    signal: controller.signal,
  }
  const backfiller = createBackfiller(withMore(usual, options))
  return { controller, progress, backfiller }
}

/** How a promise ended, and how long that took. */
async function ending(promise: Promise<unknown>): Promise<{ error: unknown; ms: number }> {
  const stopwatch = startStopwatch()
  const error = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  return { error, ms: stopwatch.stop() }
}

let unhandled: unknown[]
let before: string[]
const note = (error: unknown) => unhandled.push(error)
beforeEach(() => {
  unhandled = []
  before = process.getActiveResourcesInfo()
  process.on('unhandledRejection', note)
})
afterEach(async () => {
  await new Promise(setImmediate)
  process.off('unhandledRejection', note)
  expect(unhandled).toEqual([])
  expect(newHandles(before)).toEqual([])
})

describe('a run that is stopped settles within a second, with the caller’s own reason, and holds nothing', () => {
  async function assertFree({ progress }: { progress: ReturnType<typeof memoryProgressStore> }) {
    const rows = await progress.list()
    expect(rows.filter(({ state }) => state === 'running')).toEqual([])
  }

  /** Begins the run, and aborts it once that was reached. */
  async function assertAborts(
    { backfiller, controller }: ReturnType<typeof setUp>,
    at: { reached: Promise<void> },
  ) {
    const ended = ending(backfiller.run())
    await at.reached
    controller.abort(reason)
    const { error, ms } = await ended
    expect(error).toBe(reason)
    expect(ms).toBeLessThan(1000)
  }

  it('aborted beforehand: it asks nobody for anything', async () => {
    const lister = scriptedLister({ [A]: pagesOf(A, 1) })
    const run = setUp({ relay: lister, signal: AbortSignal.abort(reason) })
    expect(await ending(run.backfiller.run())).toMatchObject({ error: reason })
    expect(lister.requests).toEqual([])
  })

  it('aborted while a source is asked that does not listen', async () => {
    const asked = gate()
    const deaf = {
      name: 'deaf',
      async *collections() {
        await asked.wait()
        yield { nsid: A }
      },
    }
    const run = setUp({ collections: [deaf] })
    await assertAborts(run, asked)
    asked.pass()
  })

  it('aborted in a fetch that does not listen', async () => {
    const fetching = gate<{ dids: string[] }>()
    const run = setUp({ relay: scriptedLister({ [A]: () => fetching.wait() }) })
    await assertAborts(run, fetching)
    await assertFree(run)
    fetching.pass({ dids: [] })
  })

  it('aborted in a commit: the commit is whole, and its page is not fetched again', async () => {
    const writing = gate()
    const inner = memoryIndexSink()
    const sink: IndexSink = {
      async add(batch) {
        await writing.wait()
        return inner.add(batch)
      },
    }
    const run = setUp({ sink, collections: [knownCollections([A])] })
    const ended = ending(run.backfiller.run())
    await writing.reached
    run.controller.abort(reason)
    writing.pass()
    expect((await ended).error).toBe(reason)
    await assertFree(run)
    const [row] = await run.progress.list()
    expect(inner.pairs.get(A)?.size).toBe(2)
    expect(row).toMatchObject({ pages: 1, cursor: '1', imported: 2 })
  })

  it('aborted in a commit that never ends', async () => {
    const writing = gate()
    const run = setUp({ sink: { add: () => writing.wait().then(() => ({ added: 0 })) } })
    await assertAborts(run, writing)
    await assertFree(run)
  })

  it('aborted in a backoff', async () => {
    const retried = gate()
    const failing = () =>
      Promise.reject(
        new RelayError('RELAY_STATUS', '503', { relay: 'relay.test', status: 503, retryable: true }),
      )
    const run = setUp({
      relay: scriptedLister({ [A]: failing, [B]: failing }),
      retry: { minDelayMs: 60_000 },
      onEvent: listenTo({ retry: () => void retried.wait() }),
    })
    await assertAborts(run, retried)
    await assertFree(run)
  })

  it('aborted while it waits for another worker', async () => {
    const run = setUp({ collections: [knownCollections([A])] })
    await run.progress.register('relay.test', [{ nsid: A }])
    await run.progress.claim({ relay: 'relay.test', owner: 'somebody else', leaseMs: 60_000 })
    const waiting = gate()
    const remaining = run.progress.remaining
    run.progress.remaining = (source) => {
      void waiting.wait()
      return remaining(source)
    }
    await assertAborts(run, waiting)
  })

  it('aborted while the store is asked, at the end, whether everything is complete', async () => {
    const asked = gate()
    const run = setUp()
    run.progress.list = () => asked.wait().then(() => [])
    await assertAborts(run, asked)
    asked.pass()
  })

  it('ended by a source that throws before it begins', async () => {
    const eager: CollectionSource = {
      name: 'eager',
      collections() {
        throw new Error('not even begun')
      },
    }
    const run = setUp({ collections: [eager] })
    expect((await ending(run.backfiller.run())).error).toBeInstanceOf(DiscoveryError)
  })

  it('aborted twice, the first reason counts', async () => {
    const run = setUp()
    await run.backfiller.next()
    run.controller.abort(reason)
    run.controller.abort(new Error('again'))
    expect(await ending(run.backfiller.next())).toMatchObject({ error: reason })
    expect(await run.backfiller.next()).toEqual({ done: true, value: undefined })
    await assertFree(run)
  })

  it('aborted by a consumer that never comes back: the claims are free all the same', async () => {
    const run = setUp()
    await run.backfiller.next()
    run.controller.abort(reason)
    await expect.poll(async () => (await run.backfiller.status()).running).toBe(0)
  })

  it('left by break', async () => {
    const run = setUp({ relay: scriptedLister({ [A]: pagesOf(A, 50), [B]: pagesOf(B, 50) }) })
    for await (const _ of run.backfiller) break
    await assertFree(run)
    expect((await run.backfiller.status()).pending).toBe(2)
  })

  it('left by a throw in the loop, which goes through as it is', async () => {
    const run = setUp()
    const loop = async () => {
      for await (const _ of run.backfiller) throw reason
    }
    expect(await ending(loop())).toMatchObject({ error: reason })
    await assertFree(run)
  })

  it('left by return() while a next() is waiting: that next() is done', async () => {
    const fetching = gate<{ dids: string[] }>()
    const run = setUp({ relay: scriptedLister({ [A]: () => fetching.wait(), [B]: () => fetching.wait() }) })
    const next = run.backfiller.next()
    await fetching.reached
    const { ms } = await ending(run.backfiller.return())
    expect(ms).toBeLessThan(1000)
    expect(await next).toMatchObject({ done: true })
    await assertFree(run)
  })

  it('left by `await using`', async () => {
    const run = setUp()
    {
      await using backfiller = run.backfiller
      await backfiller.next()
      expect((await backfiller.status()).running).toBeGreaterThan(0)
    }
    await assertFree(run)
  })

  it('never begun: it holds nothing, and leaving it does nothing', async () => {
    const run = setUp()
    await run.backfiller[Symbol.asyncDispose]()
    expect(await run.progress.list()).toEqual([])
  })
})

it('there is no other way to stop', () => {
  const { backfiller } = setUp()
  for (const name of ['close', 'stop', 'terminate', 'cancel', 'abort', 'destroy'])
    expect(backfiller).not.toHaveProperty(name)
})
