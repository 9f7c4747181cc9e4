import { RelayError, type RepoLister, relayLister } from '../../src/index.ts'

/** A request as the client saw it, in milliseconds of `performance.now()`. */
export interface Exchange {
  begunAt: number
  answeredAt: number
  status: number
  /** What a refusal asked for; 0 without. */
  retryAfterMs: number
}

export interface SharedWay {
  readonly lister: RepoLister
  readonly exchanges: readonly Exchange[]
  /** When the lister told of each refusal. */
  readonly toldAt: readonly number[]
  /** How many visits there were. */
  readonly visits: number
}

/** How many requests come between two visits. */
const APART = 8

/**
 * A way to a relay with a rate limit that a neighbour shares. In each visit the neighbour uses up the budget of their
 * common address, just before a request of ours and while others of ours are on their way. What those were answered
 * comes after the refusal: whoever goes on regardless then asks too early.
 */
export function sharedWay(relayUrl: string, maxVisits: number, pageSize: number): SharedWay {
  const exchanges: Exchange[] = []
  const toldAt: number[] = []
  const underWay = new Set<Promise<Response>>()
  let begun = 0
  let visits = 0
  let visit: PromiseWithResolvers<void> | undefined

  function endVisit(): void {
    visit?.resolve()
    visit = undefined
  }

  async function send(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    begun += 1
    const isDue = visits < maxVisits && begun > APART * (visits + 1)
    if (!isDue || underWay.size === 0 || visit !== undefined) {
      const response = await noting(underWay, fetch(input, init))
      if (response.ok) await visit?.promise
      return response
    }
    visit = Promise.withResolvers()
    await Promise.allSettled(underWay)
    await useUp(input instanceof Request ? input.url : input)
    const response = await fetch(input, init)
    // Accepted, when a new budget began in between: then this was no visit.
    if (response.ok) endVisit()
    else visits += 1
    return response
  }

  const recording: typeof fetch = async (input, init) => {
    const begunAt = performance.now()
    const response = await send(input, init)
    const retryAfterMs = Number(response.headers.get('retry-after')) * 1_000
    exchanges.push({ begunAt, answeredAt: performance.now(), status: response.status, retryAfterMs })
    return response
  }

  const lister = relayLister(relayUrl, { pageSize, fetch: recording })
  return {
    exchanges,
    toldAt,
    get visits() {
      return visits
    },
    lister: {
      relay: lister.relay,
      check: async (options) => lister.check?.(options),
      async listRepos(request) {
        try {
          return await lister.listRepos(request)
        } catch (error) {
          if (error instanceof RelayError && error.status === 429) {
            toldAt.push(performance.now())
            endVisit()
          }
          throw error
        }
      },
    },
  }
}

async function noting<T>(underWay: Set<Promise<T>>, promise: Promise<T>): Promise<T> {
  underWay.add(promise)
  try {
    return await promise
  } finally {
    underWay.delete(promise)
  }
}

async function useUp(url: string | URL): Promise<void> {
  for (let status = 200; status !== 429; ) {
    const answer = await fetch(url)
    await answer.text()
    status = answer.status
  }
}
