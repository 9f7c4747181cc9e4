import type { Fault, RelayScript } from '../relay-script.ts'

/**
 * What goes wrong with an answer:
 *
 * - `cut`: its first half comes, then it ends
 * - `error`: the server says that it failed, as it would say it: over HTTP with a status of 500
 * - `stalled`: nothing comes, and the connection stays open
 */
export type ServerFault = 'cut' | 'error' | 'stalled'

/** A request for a page, as the server under a lister's suite sees it. */
export interface ServedRequest {
  readonly collection: string
  /** As the server received it; absent for the first page. */
  readonly cursor?: string | undefined
}

/** What a server answers to a request for a page. */
export interface ServedPage {
  /** The entries of the page, in this order; some may not be valid DIDs. */
  readonly repos: readonly string[]
  /** What the server gives as its cursor; absent on the last page. */
  readonly cursor?: string | undefined
  /** What becomes of this answer. @default it comes as it is */
  readonly fault?: ServerFault | undefined
}

/** Called once for each request that reaches the server. */
export type ServePage = (request: ServedRequest) => ServedPage

/** The script of a relay that serves what a suite asks for: the option `script` of `startRelay`. */
export function relayScript(serve: ServePage): RelayScript {
  return ({ collection, cursor }) => {
    if (collection === undefined) return undefined
    const { repos, cursor: next, fault } = serve({ collection, cursor })
    const body = JSON.stringify({ repos: repos.map((did) => ({ did })), cursor: next })
    const faults: Record<ServerFault, Fault> = {
      cut: { status: 200, body: body.slice(0, body.length >> 1) },
      error: { status: 500 },
      stalled: { stall: 'headers' },
    }
    return fault === undefined ? { status: 200, body } : faults[fault]
  }
}
