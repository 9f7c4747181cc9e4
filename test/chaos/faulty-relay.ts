import { relayContents } from '../../src/testing/contents.ts'
import { keyOf } from '../../src/testing/dids.ts'
import { type Fault, type RelayRequest, startRelay } from '../../src/testing/index.ts'
import type { Served } from '../support/checker.ts'
import { seeded } from './random.ts'
import { FAULT_KINDS, type FaultKind, type PageRequest } from './relay-faults.ts'
import { pagesOf } from './work.ts'

/** Of so many requests, one goes wrong. */
const ONE_IN = 12

/** How long an answer takes at least while things go wrong, in milliseconds. */
const LATENCY_MS = 20
/** Enough to hold workers back that are ahead of time, less than they wait for an answer. */
const MAX_LATENCY_MS = 400
/** How much of the work is done while things go wrong: the calm end has some left to show that it goes on. */
const SHARE = 0.9

export interface FaultyRelayOptions {
  readonly collections: Readonly<Record<string, number>>
  readonly seed: number
  /** How long the work should last. */
  readonly seconds: number
}

export interface FaultyRelay extends Served, AsyncDisposable {
  /** From now on every answer is genuine and comes at once. */
  calmDown(): void
  /** How often each kind of fault happened. */
  readonly faults: ReadonlyMap<string, number>
  /** Resolves with the first of them. */
  readonly firstFault: Promise<void>
  /** How many requests asked for a page that was answered whole before. */
  readonly pagesFetchedTwice: number
}

/** A relay that does wrong to some requests, but to no request for ever, so that everything can be completed. */
export async function startFaultyRelay({
  collections,
  seed,
  seconds,
}: FaultyRelayOptions): Promise<FaultyRelay> {
  const contents = relayContents({ collections, seed })
  const faults = new Map<string, number>()
  const { promise: firstFault, resolve: tellFault } = Promise.withResolvers<void>()
  const pages = new Set<string>()
  let pagesFetchedTwice = 0
  let calm = false

  function countPage({ collection, offset }: PageRequest): void {
    const page = `${collection} ${offset}`
    if (pages.has(page)) pagesFetchedTwice += 1
    pages.add(page)
  }

  function script(request: RelayRequest): Fault | undefined {
    if (!isPageRequest(request)) return undefined
    const { collection, cursor, attempt } = request
    // By what is asked and how often, so that one seed does the same to the same request in every order of events.
    const random = seeded(keyOf(`${collection} ${cursor} ${attempt}`, seed))
    const kind = calm || random.between(0, ONE_IN) >= 1 ? undefined : pickKind(random.between(0, 1))
    const fault = kind?.make(request, contents, random)
    if (kind !== undefined && fault !== undefined) {
      faults.set(kind.name, (faults.get(kind.name) ?? 0) + 1)
      tellFault()
    }
    if (fault === undefined || 'delayMs' in fault) countPage(request)
    return fault
  }

  const planned = SHARE * Object.values(collections).reduce((sum, size) => sum + pagesOf(size), 0)
  const startedAt = performance.now()
  /** Answers later the further the work is ahead of its plan, so that it lasts as long as the faults do. */
  function latencyMs(): number {
    if (calm) return 0
    const aheadMs = (pages.size / planned) * seconds * 1000 - (performance.now() - startedAt)
    return Math.min(Math.max(LATENCY_MS, aheadMs), MAX_LATENCY_MS)
  }

  const relay = await startRelay({ collections, seed, script, latencyMs })
  return {
    url: relay.url,
    collections: relay.collections,
    dids: relay.dids,
    cursorAt: relay.cursorAt,
    faults,
    firstFault,
    get pagesFetchedTwice() {
      return pagesFetchedTwice
    },
    calmDown() {
      calm = true
    },
    [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose](),
  }
}

function isPageRequest(request: RelayRequest): request is PageRequest {
  return request.collection !== undefined && request.offset !== undefined
}

const TOTAL_WEIGHT = FAULT_KINDS.reduce((sum, { weight }) => sum + weight, 0)

/** @param at 0 up to and without 1 */
function pickKind(at: number): FaultKind | undefined {
  let left = at * TOTAL_WEIGHT
  return FAULT_KINDS.find(({ weight }) => {
    left -= weight
    return left < 0
  })
}
