import type { AccountLister } from '../contracts/account-lister.ts'
import { isBackfillError } from '../errors.ts'
import { createHttpClient, HTTP_OPTIONS, type HttpOptions } from '../http/client.ts'
import { createPacing, type PacingOptions } from '../http/pacing.ts'
import { relayUrl } from '../http/server-url.ts'
import { type OptionNames, refuseUnknown, wholeNumber } from '../util/validate-options.ts'
import { parseAccount, parseAccountPage } from './account-page.ts'

/** How to ask a server for its accounts. */
export interface RelayAccountsOptions extends HttpOptions, PacingOptions {
  /**
   * The most requests that begin in a second. A page of the list takes longer than that; it is for the accounts that are
   * looked up one by one.
   *
   * @default 10, as the first backfills asked relays at most, and other programs ask hosts
   */
  requestsPerSecond?: number | undefined
  /** How many accounts to ask for in a page, from 1 to 1,000, the maximum of the method's lexicon. @default 1000 */
  pageSize?: number | undefined
}

const OPTIONS: OptionNames<RelayAccountsOptions> = {
  ...HTTP_OPTIONS,
  requestsPerSecond: true,
  pageSize: true,
}

const LIST = 'com.atproto.sync.listRepos'
const STATUS = 'com.atproto.sync.getRepoStatus'

/** The states of an account that some servers tell by the name of an error. */
const STATUS_BY_ERROR: Readonly<Record<string, string>> = {
  RepoTakendown: 'takendown',
  RepoSuspended: 'suspended',
  RepoDeactivated: 'deactivated',
}

/**
 * Lists the accounts of a relay or a host, by `com.atproto.sync.listRepos`, and looks up single ones by
 * `com.atproto.sync.getRepoStatus`. All requests of one lister keep the pace that the server asks for.
 *
 * @param relay a host, or an http or https URL: https unless http is written out
 * @throws InvalidOptionError
 */
export function relayAccounts(relay: string, options: RelayAccountsOptions = {}): AccountLister {
  refuseUnknown(options, OPTIONS, { meant: { limit: 'pageSize' } })
  const { relay: host, origin } = relayUrl(relay)
  const { pageSize = 1_000, requestsPerSecond = 10 } = options
  wholeNumber('pageSize', pageSize, 1, 1_000)
  const http = createHttpClient(options)
  const pacing = createPacing(host, { requestsPerSecond })

  const ask = async (url: URL, cursor: string | undefined, signal: AbortSignal | undefined) => {
    const asked = { relay: host, url, collection: undefined, cursor }
    const { text } = await pacing.run(signal, () =>
      http.get({ ...asked, accept: 'application/json', signal }),
    )
    return { text, asked }
  }

  return {
    relay: host,
    async listAccounts({ cursor, signal }) {
      const url = methodUrl(origin, LIST, {
        limit: String(pageSize),
        ...(cursor !== undefined && { cursor }),
      })
      const { text, asked } = await ask(url, cursor, signal)
      return parseAccountPage(text, asked)
    },
    async accountOf(did, { signal } = {}) {
      try {
        const { text, asked } = await ask(methodUrl(origin, STATUS, { did }), undefined, signal)
        return parseAccount(text, did, asked)
      } catch (error) {
        if (!isBackfillError(error, 'RELAY_STATUS')) throw error
        if (error.error === 'RepoNotFound') return undefined
        const status = STATUS_BY_ERROR[error.error ?? '']
        if (status === undefined) throw error
        return { did, active: false, status }
      }
    },
    onPause: pacing.onPause,
    paced: pacing.run,
  }
}

function methodUrl(origin: string, method: string, query: Readonly<Record<string, string>>): URL {
  const url = new URL(`/xrpc/${method}`, origin)
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
  return url
}
