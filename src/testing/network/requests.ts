import type { IncomingMessage } from 'node:http'
import { METHOD_PATH } from '../scripted-answers.ts'
import type { NetworkHost, NetworkHosts } from './hosts.ts'
import type { HostRequest } from './network-options.ts'

/** A request, and the host that it is for; no host for the network's relay and its directory of DIDs. */
interface ReadRequest {
  readonly request: HostRequest
  readonly host: NetworkHost | undefined
}

/** The largest page of `listReposByCollection`, as collectiondir has it. */
const MAX_BY_COLLECTION = 10_000
const DEFAULT_LIMIT = 500

/** Reads what comes at the network's port: whom it is for, and what it asks. */
export function createRequests(
  hosts: NetworkHosts,
  maxLimit: number,
): { read(incoming: IncomingMessage): ReadRequest } {
  let n = 0
  return {
    read(incoming) {
      n += 1
      const { pathname, searchParams } = new URL(incoming.url ?? '/', 'http://network.invalid')
      const [, named, rest = ''] = /^\/@([^/]+)(\/.*)$/.exec(pathname) ?? []
      const path = decodeURIComponent(named === undefined ? pathname : rest)
      const name = named === undefined ? askedName(incoming) : decodeURIComponent(named)
      const host = named === undefined ? askedHost(incoming, hosts, name) : hosts.named(name)
      const isDocument = path.startsWith('/did:')
      const own = isDocument ? 'plc' : 'relay'
      const called = host?.name ?? (named === undefined ? own : name)
      const most = path === METHOD_PATH ? MAX_BY_COLLECTION : maxLimit
      const request: HostRequest = {
        n,
        host: called,
        group: host?.group.name ?? called,
        path,
        did: isDocument ? path.slice(1) : (searchParams.get('did') ?? searchParams.get('repo') ?? undefined),
        collection: searchParams.get('collection') ?? undefined,
        cursor: searchParams.get('cursor') ?? undefined,
        limit: limitOf(searchParams.get('limit'), most),
        at: performance.now(),
      }
      return { request, host }
    },
  }
}

/** The name in the header `Host`, without a port. */
function askedName({ headers }: IncomingMessage): string {
  return headers.host?.replace(/:\d+$/, '') ?? ''
}

function askedHost({ socket }: IncomingMessage, hosts: NetworkHosts, name: string): NetworkHost | undefined {
  return hosts.named(name) ?? hosts.atAddress(socket.localAddress ?? '')
}

function limitOf(asked: string | null, most: number): number {
  const limit = Number.parseInt(asked ?? '', 10)
  return Math.min(Number.isNaN(limit) ? DEFAULT_LIMIT : Math.max(limit, 1), most)
}
