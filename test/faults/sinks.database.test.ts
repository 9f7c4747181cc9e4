import { describe, expect, it } from 'vitest'
import type { IndexBatch, IndexContext, IndexSink } from '../../src/index.ts'
import { kyselyIndexSink, kyselyProgressStore, migrateToLatest } from '../../src/kysely/index.ts'
import { createPostgres } from '../support/databases.ts'
import { type FaultRun, failuresOf, rejection, setUp } from '../support/fault-run.ts'
import { listenTo } from '../support/listen-to.ts'

const A = 'com.example.a'
const B = 'com.example.b'
const collections = { [A]: 45, [B]: 25 }
const onFire = new Error('the disk is on fire')

/** A sink that does something else for some batches; `nth` counts those of their collection from 1. */
function faultySink(
  sink: IndexSink,
  fault: (
    nth: number,
    batch: IndexBatch,
    write: () => ReturnType<IndexSink['add']>,
  ) => ReturnType<IndexSink['add']>,
): IndexSink {
  const counts = new Map<string, number>()
  return {
    ...sink,
    add(batch, context) {
      const nth = (counts.get(batch.collection) ?? 0) + 1
      counts.set(batch.collection, nth)
      return fault(nth, batch, () => sink.add(batch, context))
    },
  }
}

/** Sinks in the transaction of the cursor, and on a database of their own. */
describe.each(['shared', 'separate'])('a sink on a %s database that', (kind) => {
  async function withSink(test: (run: FaultRun, sink: IndexSink, check: FaultRun['check']) => Promise<void>) {
    await using run = await setUp({ collections })
    if (kind === 'shared') return await test(run, kyselyIndexSink(run.db), run.check)
    await using index = await createPostgres()
    await migrateToLatest(index.db)
    await test(run, kyselyIndexSink(index.db), () => run.check({ index: index.db }))
  }

  it('fails once is tried again with the cursor unmoved, and the page counts once', () =>
    withSink(async (run, inner, check) => {
      const progress = kyselyProgressStore(run.db)
      const saved: unknown[] = []
      const sink = faultySink(inner, async (nth, { collection }, write) => {
        if (collection !== A || nth < 3 || nth > 4) return write()
        if (nth === 3) throw onFire
        // As the page comes to the sink again.
        saved.push(await progress.list())
        return write()
      })
      const retried: unknown[] = []
      const onEvent = listenTo({ retry: (context: unknown) => retried.push(context) })
      const summary = await run.start({ sink, maxAttempts: 1, onEvent, pagesAhead: 1 }).run()
      expect(summary).toMatchObject({ completed: 2, added: 70, imported: 70 })
      const cursor = run.relay.cursorAt(A, 20)
      expect(retried).toMatchObject([{ collection: A, error: onFire, attempt: 1, cursor }])
      expect(saved).toMatchObject([[{ pages: 2, cursor, imported: 20 }, {}]])
      expect(run.relay.requestsOf(A).map(({ offset }) => offset)).toEqual([0, 10, 20, 30, 40, 0])
      expect(await check()).toMatchObject({ completed: 2, pages: 8 })
    }))

  it('fails for ever for one collection fails that one, and the others go on', () =>
    withSink(async (run, inner, check) => {
      const sink = faultySink(inner, (nth, { collection }, write) =>
        collection === A && nth >= 3 ? Promise.reject(onFire) : write(),
      )
      expect(await failuresOf(run.start({ sink, pagesAhead: 1 }).run())).toEqual({ [A]: onFire.message })
      const rows = await kyselyProgressStore(run.db).list()
      expect(rows).toMatchObject([
        { state: 'failed', pages: 2, imported: 20, attempts: 2 },
        { state: 'complete', pages: 3, imported: 25 },
      ])
      expect(await check()).toMatchObject({ completed: 1, missing: 0 })
    }))

  it('fails for ever for all of them completes none', () =>
    withSink(async (run, inner, check) => {
      const sink = faultySink(inner, () => Promise.reject(onFire))
      expect(await failuresOf(run.start({ sink }).run())).toEqual({
        [A]: onFire.message,
        [B]: onFire.message,
      })
      expect(await check()).toMatchObject({ completed: 0, pages: 0 })
    }))

  it('fails after it wrote does no harm: the pairs are added again, and nothing counts twice', () =>
    withSink(async (run, inner, check) => {
      const sink = faultySink(inner, async (nth, _, write) => {
        const written = await write()
        if (nth === 2) throw onFire
        return written
      })
      expect(await run.start({ sink }).run()).toMatchObject({ completed: 2, imported: 70 })
      const rows = await kyselyProgressStore(run.db).list()
      expect(rows.map(({ imported }) => imported)).toEqual([45, 25])
      expect(await check()).toMatchObject({ completed: 2, pages: 8 })
    }))

  it('never answers is left by an abort, with the cursor where it was', () =>
    withSink(async (run, inner, check) => {
      const caller = new AbortController()
      const reason = new Error('enough')
      const seen: (IndexContext['signal'] | undefined)[] = []
      const sink: IndexSink = {
        ...inner,
        add(batch, context) {
          if (batch.collection !== A) return inner.add(batch, context)
          seen.push(context?.signal)
          setImmediate(() => caller.abort(reason))
          return new Promise(() => {})
        },
      }
      expect(await rejection(run.start({ sink, signal: caller.signal }).run())).toBe(reason)
      expect(seen[0]?.aborted).toBe(true)
      const [row] = await kyselyProgressStore(run.db).list()
      expect(row).toMatchObject({ pages: 0, imported: 0 })
      expect(await check()).toMatchObject({ missing: 0 })
    }))
})
