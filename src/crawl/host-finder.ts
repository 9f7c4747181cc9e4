import { isValidDid } from '@atproto/syntax'
import type { DidResolver } from '../contracts/did-resolver.ts'
import { isBackfillError } from '../errors.ts'
import { createHttpClient, type HttpOptions } from '../http/client.ts'
import { badPage } from '../http/json-page.ts'
import { checkRate, createPacingAt, type Pacing } from '../http/pacing.ts'
import { relayUrl } from '../http/server-url.ts'
import { abortable } from '../util/abort.ts'
import { mustHave } from '../util/validate-options.ts'
import { boundedCache } from './bounded-cache.ts'
import { invalid, type ResolvedDid, readDidDocument } from './did-document.ts'
import type { HostAddress, ReadHost } from './host-address.ts'
import type { HostRates } from './host-rates.ts'

/** Where the documents of DIDs come from. */
export interface DidOptions {
  /**
   * The directory of `did:plc`: a host, or an http or https URL; `plc.directory` or a mirror of it. It is asked for one
   * document after the other, at {@link plcRequestsPerSecond}.
   *
   * @default 'plc.directory'
   */
  plc?: string | undefined
  /**
   * The most requests to the directory that begin in a second. With a mirror of your own, more.
   *
   * @default 10
   */
  plcRequestsPerSecond?: number | undefined
  /** Finds the documents instead: a `DidResolver` of your own, of `@atproto/identity` or of atcute. */
  resolver?: DidResolver | undefined
}

export interface HostFinderParts {
  readonly http: HttpOptions
  readonly readHost: ReadHost
  /** That of the directory is one of them. */
  readonly rates: HostRates
  /** How a host is asked for the document of a `did:web`: at the pace that it has for all else. */
  askHost(host: HostAddress): Pacing['run']
  /** How the directory is asked, given its own pace. */
  askDirectory?(host: string, run: Pacing['run']): Pacing['run']
}

/** Finds the hosts of repos. */
export interface HostFinder {
  /**
   * The host of a repo, by one request at most: what was found is kept for a while.
   *
   * @throws RelayError, or what the given resolver rejects with, where it could not be found out; the signal's reason when
   *   that aborts
   */
  find(did: string, signal: AbortSignal | undefined): Promise<ResolvedDid>
  /** Whether `find` would answer without a request. */
  isKnown(did: string): boolean
  /** Forgets what was found: the repo may have moved. */
  forget(did: string): void
}

/** The most that a document may hold, in bytes: those of the directory have some 1,000, and 7 KB at most by its rules. */
const MOST_DOCUMENT_BYTES = 65_536

/** How many DIDs are remembered with their hosts. */
const MOST_KEPT = 20_000

/** @throws InvalidOptionError */
export function checkDidOptions({ plc, plcRequestsPerSecond, resolver }: DidOptions): void {
  if (plc !== undefined) relayUrl(plc, 'plc')
  if (plcRequestsPerSecond !== undefined) checkRate('plcRequestsPerSecond', plcRequestsPerSecond)
  if (resolver !== undefined) mustHave('resolver', resolver, 'resolve', 'a DidResolver with resolve(did)')
}

/** @param options that {@link checkDidOptions} let pass */
export function createHostFinder(options: DidOptions, parts: HostFinderParts): HostFinder {
  const { resolver } = options
  const documentOf = resolver === undefined ? documents(options, parts) : askResolver(resolver)
  const found = boundedCache<ResolvedDid>(MOST_KEPT)
  return {
    async find(did, signal) {
      const known = found.get(did)
      if (known !== undefined) return known
      if (!isValidDid(did)) return invalid('it is no DID')
      const answer = await documentOf(did, signal)
      const resolved = 'state' in answer ? answer : readDidDocument(did, answer.document, parts.readHost)
      found.set(did, resolved)
      return resolved
    },
    isKnown: (did) => found.get(did) !== undefined,
    forget: (did) => found.delete(did),
  }
}

/** A document that is still to be read, or why there is none. */
type Answer = { readonly document: unknown } | Exclude<ResolvedDid, { readonly state: 'found' }>
type DocumentOf = (did: string, signal: AbortSignal | undefined) => Promise<Answer>

const UNKNOWN = 'notFound' as const

function askResolver(resolver: DidResolver): DocumentOf {
  return async (did, signal) => {
    signal?.throwIfAborted()
    try {
      const document = await abortable(resolver.resolve(did as `did:${string}:${string}`), signal)
      if (document !== null && document !== undefined) return { document }
    } catch (error) {
      signal?.throwIfAborted()
      // As that of @atproto/identity tells of a tombstone.
      const { name, status }: { name?: unknown; status?: unknown } = Object(error)
      if (status === 410) return { state: 'deleted', reason: 'the resolver was told that it is gone' }
      if (name !== 'DocumentNotFoundError') throw error
    }
    return { state: UNKNOWN, reason: 'the resolver knows no document of it' }
  }
}

function documents(
  { plc = 'plc.directory', plcRequestsPerSecond = 10 }: DidOptions,
  { http: options, readHost, rates, askHost, askDirectory = (_, run) => run }: HostFinderParts,
): DocumentOf {
  const directory = relayUrl(plc)
  const http = createHttpClient({ ...options, maxBodyBytes: MOST_DOCUMENT_BYTES })
  const rate = rates.of(directory.relay, plcRequestsPerSecond)
  const pacing = createPacingAt(directory.relay, [rate])
  const ask = askDirectory(directory.relay, pacing.run)

  async function get(url: URL, relay: string, run: Pacing['run'], signal: AbortSignal | undefined) {
    const asked = { relay, url, collection: undefined, cursor: undefined }
    const accept = 'application/did+ld+json, application/json;q=0.9'
    const { text } = await run(signal, () => http.get({ ...asked, accept, signal }))
    try {
      return { document: JSON.parse(text) as unknown }
    } catch (error) {
      throw badPage(asked, 'is not JSON', text, error)
    }
  }

  async function plcDocument(did: string, signal: AbortSignal | undefined): Promise<Answer> {
    try {
      return await get(new URL(`/${did}`, directory.origin), directory.relay, ask, signal)
    } catch (error) {
      const status = statusOf(error)
      if (status === 410) return { state: 'deleted', reason: `${directory.relay} has a tombstone of it` }
      if (status === 404) return { state: UNKNOWN, reason: `${directory.relay} knows no such DID` }
      throw error
    }
  }

  async function webDocument(did: string, signal: AbortSignal | undefined): Promise<Answer> {
    const at = webHost(did, readHost)
    if ('problem' in at) return invalid(`its own host ${at.problem}`)
    try {
      const url = new URL('/.well-known/did.json', at.origin)
      return await get(url, at.host, askHost(at), signal)
    } catch (error) {
      const status = statusOf(error)
      if (status !== 404 && status !== 410) throw error
      return { state: UNKNOWN, reason: `${at.host} has no document of it` }
    }
  }

  return async (did, signal) => {
    if (did.startsWith('did:plc:')) {
      // The directory would take another form for an unknown one, after a request.
      return /^did:plc:[a-z2-7]{24}$/.test(did)
        ? plcDocument(did, signal)
        : invalid('it is no did:plc: 24 letters of base32 follow there')
    }
    if (did.startsWith('did:web:')) return webDocument(did, signal)
    return invalid('atproto knows did:plc and did:web alone')
  }
}

/** In atproto a did:web is a host alone, without a path; a port it has on one's own machine alone. */
function webHost(did: string, readHost: ReadHost): HostAddress | { problem: string } {
  const name = did.slice('did:web:'.length)
  if (name.includes(':')) return { problem: 'has a path, which atproto does not allow' }
  const text = name.replace(/%3A/i, ':')
  const host = readHost(text)
  if ('problem' in host || text === name || host.origin.startsWith('http:')) return host
  return { problem: 'has a port, which atproto allows on localhost alone' }
}

function statusOf(error: unknown): number | undefined {
  return isBackfillError(error, 'RELAY_STATUS') ? error.status : undefined
}
