import { isValidHandle } from '@atproto/syntax'
import { copied } from '../util/text.ts'
import type { HostAddress, ReadHost } from './host-address.ts'

/** What becomes of a DID: the host of its repo, or why there is none to ask. */
export type ResolvedDid = FoundHost | NoHost

/** The host of a repo, by the document of its DID. */
export interface FoundHost extends HostAddress {
  readonly state: 'found'
  /** What the document claims, which proves nothing. Absent where it claims none. */
  readonly handle: string | undefined
}

/**
 * A DID without a host to ask.
 *
 * - `deleted`: its owner removed it from the directory, for good
 * - `notFound`: the directory, or the DID's own host, knows no such DID
 * - `noHost`: its document names no host of a repo
 * - `invalid`: the document is none, or of another DID; the host it names may not be asked; the DID is of a kind that
 *   atproto does not have
 */
export interface NoHost {
  readonly state: 'deleted' | 'notFound' | 'noHost' | 'invalid'
  readonly reason: string
}

/** Reads a document, whatever it may be. */
export function readDidDocument(did: string, document: unknown, readHost: ReadHost): ResolvedDid {
  if (typeof document !== 'object' || document === null) return invalid('its document is no JSON object')
  const { id, service, alsoKnownAs }: { id?: unknown; service?: unknown; alsoKnownAs?: unknown } = document
  if (id !== did) return invalid('its document is that of another DID')
  const endpoint = endpointOf(did, service)
  if (endpoint === undefined)
    return { state: 'noHost', reason: 'its document has no service #atproto_pds: it has no repo' }
  const host = readHost(endpoint)
  if ('problem' in host) return invalid(`its host, ${shown(endpoint)}, ${host.problem}`)
  return { state: 'found', ...host, handle: handleOf(alsoKnownAs) }
}

export function invalid(reason: string): NoHost {
  return { state: 'invalid', reason }
}

/** The address of the first service of that kind, as the specification wants it. */
function endpointOf(did: string, services: unknown): unknown {
  if (!Array.isArray(services)) return undefined
  for (const service of services) {
    const { id, type, serviceEndpoint }: { id?: unknown; type?: unknown; serviceEndpoint?: unknown } =
      Object(service)
    const isHost = id === '#atproto_pds' || id === `${did}#atproto_pds`
    if (isHost && type === 'AtprotoPersonalDataServer') return serviceEndpoint
  }
  return undefined
}

function handleOf(names: unknown): string | undefined {
  if (!Array.isArray(names)) return undefined
  const name = names.find((given) => typeof given === 'string' && given.startsWith('at://'))
  const handle = typeof name === 'string' ? name.slice('at://'.length) : ''
  return isValidHandle(handle) ? copied(handle) : undefined
}

/** No part of a password in it ends up in a message. */
function shown(endpoint: unknown): string {
  return typeof endpoint === 'string' ? endpoint.replace(/[\s\S]*@/, '…@').slice(0, 100) : typeof endpoint
}
