import type { HostSource, KnownHost } from '../contracts/host-source.ts'
import { RelayError } from '../errors.ts'
import { createHttpClient, HTTP_OPTIONS, type HttpClient, type HttpOptions } from '../http/client.ts'
import { badPage, type JsonPage, parseJsonPage } from '../http/json-page.ts'
import type { Asked } from '../http/response-error.ts'
import { relayUrl } from '../http/server-url.ts'
import { advancePosition, type Position } from '../paging/cursor-guard.ts'
import { oneLine } from '../util/text.ts'
import { type OptionNames, refuseUnknown, wholeNumber } from '../util/validate-options.ts'

/** How to ask a relay for its hosts. */
export interface HostsOfOptions extends HttpOptions {
  /** How many hosts to ask for in a page, from 1 to 1,000, the maximum of the method's lexicon. @default 1000 */
  pageSize?: number | undefined
}

const OPTIONS: OptionNames<HostsOfOptions> = { ...HTTP_OPTIONS, pageSize: true }

const LIST_HOSTS = 'com.atproto.sync.listHosts'

/** The most hosts that one reading gives: what it gives is held in memory. The network had some 2,800 in 2026. */
const MOST_HOSTS = 100_000

/**
 * The hosts that a relay knows, by `com.atproto.sync.listHosts`.
 *
 * @param relay a host, or an http or https URL: https unless http is written out
 * @throws InvalidOptionError
 */
export function hostsOf(relay: string, options: HostsOfOptions = {}): HostSource {
  refuseUnknown(options, OPTIONS, { meant: { limit: 'pageSize' } })
  const { relay: name, origin } = relayUrl(relay)
  const pageSize = wholeNumber('pageSize', options.pageSize ?? 1_000, 1, 1_000)
  const http = createHttpClient(options)
  return {
    name,
    relay: name,
    async *hosts({ signal } = {}) {
      let at: Position = { relay: name, collection: LIST_HOSTS, pages: 0, emptyPages: 0 }
      let count = 0
      do {
        const { hosts, cursor } = await listHosts(http, { name, origin, pageSize, cursor: at.cursor, signal })
        count += hosts.length
        at = advancePosition(at, { dids: hosts.map(({ host }) => host), cursor })
        yield* hosts
      } while (at.cursor !== undefined && count < MOST_HOSTS)
      if (at.cursor !== undefined) throw tooManyHosts(name)
    },
  }
}

/** A list that is cut is told: the hosts before that are known by now. */
function tooManyHosts(relay: string): RelayError {
  const message = `${relay} lists more than ${MOST_HOSTS} hosts; the rest of its list was not read.`
  return new RelayError('RELAY_BAD_ANSWER', message, { relay, retryable: false })
}

interface HostsRequest {
  readonly name: string
  readonly origin: string
  readonly pageSize: number
  readonly cursor: string | undefined
  readonly signal: AbortSignal | undefined
}

/** One page, by one request. @throws RelayError */
export async function listHosts(
  http: HttpClient,
  { name, origin, pageSize, cursor, signal }: HostsRequest,
): Promise<{ hosts: KnownHost[]; cursor: JsonPage['cursor'] }> {
  const url = new URL(`/xrpc/${LIST_HOSTS}`, origin)
  url.searchParams.set('limit', String(pageSize))
  if (cursor !== undefined) url.searchParams.set('cursor', cursor)
  const asked: Asked = { relay: name, url, collection: undefined, cursor }
  const { text } = await http.get({ ...asked, accept: 'application/json', signal })
  const { body, cursor: next } = parseJsonPage(text, asked)
  if (!Array.isArray(body.hosts)) throw badPage(asked, 'has no list of hosts', text)
  return { hosts: body.hosts.map(knownHostOf), cursor: next }
}

/** An entry without a name is kept, for the caller to count. */
function knownHostOf(entry: unknown): KnownHost {
  const { hostname, accountCount, status }: { hostname?: unknown; accountCount?: unknown; status?: unknown } =
    Object(entry)
  return {
    host: typeof hostname === 'string' ? oneLine(hostname, 300) : '',
    ...(Number.isSafeInteger(accountCount) &&
      Number(accountCount) >= 0 && { accounts: Number(accountCount) }),
    ...(typeof status === 'string' && { status: oneLine(status, 30) }),
  }
}
