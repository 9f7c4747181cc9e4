/**
 * A backfill in a process of its own, told by its first argument what to do. It says each thing that happens in a line of
 * JSON on stdout, and ends by itself when there is nothing left to do.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Backfiller, createBackfiller, knownCollections, relayLister } from '../../src/index.ts'
import { type OpenStore, openPostgres } from '../../src/postgres/index.ts'
import type { FaultChildOptions, Line, Stop } from './fault-process.ts'
import { listenTo } from './listen-to.ts'

const say = (line: Line) => console.log(JSON.stringify(line))
const options = JSON.parse(process.argv[2] ?? '') as FaultChildOptions
const { stop } = options
const caller = new AbortController()
const reason = new Error('the caller has had enough')
let moments = 0
let stoppedAt = 0

/** Whether this is the moment at which the consumer has had enough. */
function isMoment(at: Stop['at']): boolean {
  if (stop?.at !== at || ++moments !== (stop.nth ?? 1)) return false
  stoppedAt = performance.now()
  return true
}

function abortAt(at: Stop['at']): void {
  if (!isMoment(at)) return
  caller.abort(reason)
  if (stop?.how === 'abort twice') caller.abort(new Error('again'))
}

process.on('unhandledRejection', (error) => say({ event: 'unhandled', error: String(error) }))
process.on('SIGUSR2', () => abortAt('told'))

function backfillerOn({ sink, progress }: OpenStore): Backfiller {
  return createBackfiller({
    relay: relayLister(options.relayUrl, { pageSize: options.pageSize, userAgent: options.name }),
    collections: [knownCollections(options.collections)],
    store: {
      sink: {
        database: sink.database,
        add(batch, context) {
          abortAt('commit')
          return sink.add(batch, context)
        },
      },
      progress,
    },
    concurrency: options.concurrency,
    pagesAhead: options.pagesAhead,
    leaseMs: options.leaseMs,
    retry: options.retry,
    signal: caller.signal,
    onEvent: listenTo({
      collectionStarted: ({ collection, cursor, pages: page }) => {
        say({ event: 'started', collection, cursor, pages: page })
        abortAt('started')
      },
      page: ({ collection, completed }) => completed && say({ event: 'completed', collection }),
      paused: ({ waitMs }) => say({ event: 'paused', waitMs }),
      waiting: ({ holders }) => say({ event: 'waiting', holders }),
      claimLost: ({ collection }) => say({ event: 'claim lost', collection }),
      collectionFailed: ({ collection, error }) => say({ event: 'failed', collection, error: String(error) }),
      storeUnavailable: ({ error, attempt }) =>
        say({ event: 'store unavailable', error: String(error), attempt }),
      retry: ({ error }) => {
        say({ event: 'retry', error: String(error) })
        abortAt('backoff')
      },
    }),
  })
}

async function consume(backfiller: Backfiller): Promise<void> {
  if (stop?.how === 'stay away') {
    const { value } = await backfiller.next()
    if (value && 'dids' in value) say({ event: 'page', ...value })
    abortAt('page')
    for (let running = 1; running > 0; await sleep(5)) running = (await backfiller.status()).running
    return
  }
  for await (const { collection, cursor, pages: page } of backfiller) {
    say({ event: 'page', collection, cursor, pages: page })
    if (stop?.how !== 'break' && stop?.how !== 'throw') abortAt('page')
    else if (isMoment('page')) {
      if (stop.how === 'break') break
      throw reason
    }
  }
}

async function play(): Promise<void> {
  await using store = await openPostgres(options.databaseUrl, { applicationName: options.name })
  abortAt('beforehand')
  say({ event: 'opened' })
  const backfiller = backfillerOn(store)
  try {
    await consume(backfiller)
    say({ event: 'done', ms: performance.now() - stoppedAt })
  } catch (error) {
    const ms = performance.now() - stoppedAt
    say({ event: 'ended', ms, own: error === reason, error: String(error) })
  }
}

const before = process.getActiveResourcesInfo()
await play()
// Sockets that are closed go away a little later.
let resources: string[] = []
for (let looks = 0; looks === 0 || (resources.length > 0 && looks < 50); looks += 1) {
  if (looks > 0) await sleep(20)
  resources = process.getActiveResourcesInfo().filter((kind) => !before.includes(kind))
}
say({ event: 'left', resources })
