import pLimit from 'p-limit'
import type { AccountLister } from '../contracts/account-lister.ts'
import { boundedCache } from '../crawl/bounded-cache.ts'
import type { FoundHost } from '../crawl/did-document.ts'
import { hostReader } from '../crawl/host-address.ts'
import { createHostFinder } from '../crawl/host-finder.ts'
import { hostRates } from '../crawl/host-rates.ts'
import { relayAccounts } from '../relay/relay-accounts.ts'
import { describe } from '../util/describe.ts'
import { isPassing, retrying, retryPolicy } from '../util/retry.ts'

/** Who a DID of a sample is, and what its host says of the account. */
export interface SampleAccount {
  readonly did: string
  /** What its document claims. */
  readonly handle?: string | undefined
  readonly host?: string | undefined
  /**
   * `active`, the host's own word for what it is not, `notFound` where the host knows no such account; where there is no
   * host to ask, what its document says; `unknown` where that could not be found out.
   */
  readonly state: string
  /** Why it is not known, or there is no host. */
  readonly reason?: string | undefined
}

export interface ResolveOptions {
  readonly plc?: string | undefined
  readonly allow?: readonly string[] | undefined
}

/** A person waits for them, and nothing depends on them. */
const RETRY = retryPolicy({ retries: 2, minDelayMs: 1_000, maxDelayMs: 10_000 })
const AT_ONCE = 8
/** How many hosts are remembered, each with its pace. */
const MOST_HOSTS = 500

/** Looks accounts up by their DID document and by their host's `getRepoStatus`, each host at its own pace. */
export function accountResolver({
  plc,
  allow,
}: ResolveOptions): (dids: readonly string[], signal: AbortSignal) => Promise<SampleAccount[]> {
  const hosts = boundedCache<AccountLister>(MOST_HOSTS)
  const hostOf = (host: string): AccountLister => {
    const known = hosts.get(host) ?? relayAccounts(host)
    hosts.set(host, known)
    return known
  }
  const readHost = hostReader({ allowHosts: allow })
  const finder = createHostFinder(
    { plc },
    {
      http: {},
      readHost,
      rates: hostRates(),
      askHost: ({ host }) => hostOf(host).paced ?? ((_, ask) => ask()),
    },
  )
  const again = <T>(ask: () => Promise<T>, signal: AbortSignal) =>
    retrying(ask, { ...RETRY, signal, mayRetry: isPassing, onRetry() {} })

  async function stateAt(did: string, { host, handle }: FoundHost, signal: AbortSignal) {
    const at = { did, handle, host }
    const account = await again(() => hostOf(host).accountOf(did, { signal }), signal)
    if (account === undefined) return { ...at, state: 'notFound', reason: 'its host knows no such account' }
    return { ...at, state: account.active === false ? (account.status ?? 'inactive') : 'active' }
  }

  async function lookUp(did: string, signal: AbortSignal): Promise<SampleAccount> {
    let found: FoundHost | undefined
    try {
      const resolved = await again(() => finder.find(did, signal), signal)
      if (resolved.state !== 'found') return { did, state: resolved.state, reason: resolved.reason }
      found = resolved
      return await stateAt(did, resolved, signal)
    } catch (error) {
      // An abort is the caller's decision, not a failure of a host.
      signal.throwIfAborted()
      const known = found === undefined ? {} : { handle: found.handle, host: found.host }
      return { did, ...known, state: 'unknown', reason: describe(error) }
    }
  }

  const limit = pLimit(AT_ONCE)
  return (dids, signal) => Promise.all(dids.map((did) => limit(() => lookUp(did, signal))))
}
