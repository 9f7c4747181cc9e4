import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { CollectionFailure, RelayListerOptions } from '../../src/index.ts'
import { kyselyProgressStore } from '../../src/kysely/index.ts'
import { type Fault, type RelayRequest, startRelay } from '../../src/testing/index.ts'
import { PROFILE } from '../support/e2e.ts'
import { failuresOf, setUp } from '../support/fault-run.ts'
import { listenTo } from '../support/listen-to.ts'
import type { MemoryChildOptions } from '../support/memory-child.ts'

const A = 'com.example.a'
const B = 'com.example.b'
const collections = { [A]: 45, [B]: 25 }
const MIB = 1_048_576

/** A deadline that a busy machine keeps when nothing is wrong, and one that is not what ends an endless body. */
const late = { limits: { timeoutMs: 1500 }, code: 'RELAY_TIMEOUT' }
const long = { limits: { maxBodyBytes: MIB }, code: 'RELAY_BAD_ANSWER' }

const faults: { fault: string; script: Fault; limits: RelayListerOptions; code: string }[] = [
  { fault: 'headers that never come', script: { stall: 'headers' }, ...late },
  { fault: 'a body that stops', script: { stall: 'body' }, ...late },
  { fault: 'a body that drips', script: { drip: 100 }, ...late },
  { fault: 'a body without end', script: { endless: true }, ...long },
  { fault: 'a gzip bomb', script: { endless: true, gzip: true }, ...long },
]

describe('an answer that has no end in time or size', () => {
  const isPage = ({ collection, offset }: RelayRequest) => collection === A && offset === 20

  it.each(faults)('$fault, once: is given up, and asked for again', async ({ script, code, limits }) => {
    await using run = await setUp({
      collections,
      script: (request) => (isPage(request) && request.attempt === 1 ? script : undefined),
    })
    const retried: unknown[] = []
    const onEvent = listenTo({ retry: (context: unknown) => retried.push(context) })
    expect(await run.start({ relay: run.lister(limits), onEvent }).run()).toMatchObject({
      completed: 2,
      added: 70,
    })
    expect(retried).toMatchObject([{ collection: A, error: { code } }])
    expect(await run.check()).toMatchObject({ completed: 2, pages: 8 })
    await expect.poll(() => run.relay.inFlight).toBe(0)
  })

  it.each(faults)(
    '$fault, for ever: fails that collection, and the others go on',
    async ({ script, limits }) => {
      await using run = await setUp({
        collections,
        script: (request) => (isPage(request) ? script : undefined),
      })
      const failures = await failuresOf(
        run.start({ relay: run.lister(limits), retry: { retries: 1, minDelayMs: 1 }, maxAttempts: 1 }).run(),
      )
      expect(Object.keys(failures)).toEqual([A])
      const [row] = await kyselyProgressStore(run.db).list()
      expect(row).toMatchObject({ state: 'failed', pages: 2, imported: 20 })
      expect(await run.check()).toMatchObject({ completed: 1, pages: 5 })
      await expect.poll(() => run.relay.inFlight).toBe(0)
    },
  )
})

describe('memory', () => {
  const CONCURRENCY = 4
  const names = Array.from({ length: CONCURRENCY }, (_, i) => `com.example.endless.n${i}`)

  /** What a process takes at most while every answer is without end. */
  async function peakOf(gzip: boolean, maxBodyBytes: number): Promise<number> {
    await using relay = await startRelay({
      collections: { [PROFILE]: 1, ...Object.fromEntries(names.map((name) => [name, 100])) },
      script: ({ collection }) => (collection === PROFILE ? undefined : { endless: true, gzip }),
    })
    const options: MemoryChildOptions = {
      relayUrl: relay.url,
      collections: names,
      concurrency: CONCURRENCY,
      maxBodyBytes,
    }
    const entry = fileURLToPath(new URL('../support/memory-child.ts', import.meta.url))
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--expose-gc', entry, JSON.stringify(options)],
      { timeout: 60_000 },
    )
    const { failures, peak } = JSON.parse(stdout) as { failures: CollectionFailure[]; peak: number }
    expect(failures.map(({ collection }) => collection)).toEqual(names)
    for (const { lastError } of failures) expect(lastError).toContain(`more than ${maxBodyBytes} bytes`)
    expect(relay.maxInFlight).toBeGreaterThanOrEqual(CONCURRENCY)
    return peak
  }

  it.each([
    ['bodies without end', false],
    ['gzip bombs', true],
  ])('stays under cap times concurrency with %s', async (_, gzip) => {
    const peak = await peakOf(gzip, 8 * MIB)
    // A mebibyte for each is what the runtime holds besides: buffers of sockets and of the decompression.
    expect(peak).toBeLessThan((8 + 1) * MIB * CONCURRENCY)
    // So there was something to measure.
    expect(peak).toBeGreaterThan(8 * MIB)
  })
})
