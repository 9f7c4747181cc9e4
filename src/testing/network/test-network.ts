import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type OptionNames, refuseUnknown } from '../../util/validate-options.ts'
import { checkNumber } from '../contents.ts'
import type { Fault } from '../relay-script.ts'
import { answerUnder, type GenuineAnswer } from '../scripted-answers.ts'
import { closeAll, listen, scriptedServer } from '../scripted-server.ts'
import { send } from '../transfer.ts'
import { documentAnswer, hostAnswer } from './host-answers.ts'
import { createBooks, type HostBook, type HostBooks } from './host-books.ts'
import { createLimits } from './host-limits.ts'
import type { HostChange, NetworkHost } from './hosts.ts'
import { type NetworkContents, networkContents } from './network-contents.ts'
import { networkFetch } from './network-fetch.ts'
import type {
  GivenAccount,
  HostGroup,
  HostRequest,
  NetworkAccount,
  RelayHalf,
  TestNetworkOptions,
} from './network-options.ts'
import { relayAnswer } from './relay-answers.ts'
import { createRequests } from './requests.ts'

const OPTIONS: OptionNames<TestNetworkOptions> = {
  hosts: true,
  collections: true,
  states: true,
  accounts: true,
  relay: true,
  seed: true,
  port: true,
  maxLimit: true,
  addresses: true,
  script: true,
}

/** A network of hosts, with its relay and its directory of DIDs, on one port of this machine; and what each was asked. */
export interface TestNetwork extends AsyncDisposable {
  /** Its relay, and its directory of DIDs: `http://127.0.0.1:49152`. */
  readonly url: string
  /** The names of its hosts, in the order of the groups. With `addresses` they are of the form `127.1.0.4:49152`. */
  readonly hosts: readonly string[]
  /** The names of a group's hosts. */
  hostsOf(group: string): readonly string[]
  /** Where a host is reached, as DID documents name it: `https://NAME`, or `http://127.1.0.4:49152`. */
  endpointOf(host: string): string
  /** {@link networkFetch} of this network: how its hosts are reached by their names. */
  readonly fetch: typeof globalThis.fetch
  /** An account as it is now. Nothing for a DID that the network does not have. */
  account(did: string): NetworkAccount | undefined
  /** The accounts of a host, computed while they are read, in its order; those of all hosts without a name. */
  accounts(host?: string): Iterable<NetworkAccount>
  /** The active accounts that have a collection: what an index should hold, of one host or of all. */
  dids(collection: string, host?: string): Iterable<string>
  /** Adds an account, or puts it in the place of the one that has its DID: moved, gone, with other collections. */
  set(account: GivenAccount): void
  /** Changes how a host behaves from now on. */
  change(host: string, change: HostChange): void
  /**
   * Builds a host's database anew: from now on it lists its repos in another order, and takes cursors of before as they
   * come.
   */
  rebuild(host: string): void
  /** What the relay knows and how it lists it: change it as you like. */
  relay: RelayHalf
  /** What a host was asked; `relay` and `plc` for the network's own. */
  asked(host: string): HostBook
  /** What the hosts of a group were asked together. */
  askedGroup(group: string): HostBook
  /** How many requests are being answered at the moment. */
  readonly inFlight: number
  /** The most that there were at the same time. */
  readonly maxInFlight: number
  /** Ends every connection at once. `await using` does the same. @throws what the script threw first */
  close(): Promise<void>
}

/**
 * Starts a network on a loopback port: hosts that answer `listRepos`, `describeRepo`, `getRepoStatus` and
 * `describeServer`, a relay that answers `listHosts`, `listRepos`, `getRepoStatus` and `listReposByCollection` of the
 * whole network, and DID documents (`/did:plc:…` on the relay's port, `/.well-known/did.json` on hosts). What it holds
 * follows from the options alone and is computed while it is asked for, so thousands of hosts with millions of repos take
 * no memory.
 *
 * A host is reached through {@link networkFetch} by its name; by the path `/@NAME/xrpc/…`; by the header `Host: NAME`; and,
 * with the option `addresses`, by an address of its own from any process.
 *
 * @throws InvalidOptionError
 */
export async function startNetwork(options: TestNetworkOptions): Promise<TestNetwork> {
  refuseUnknown(options, OPTIONS)
  const { port = 0, addresses = false } = options
  checkNumber('port', 'a port, or 0 for any free one', port, 0, 65_535)
  const closing = new AbortController()
  let serve: Serve | undefined
  const server = scriptedServer(closing.signal, async (...received) => serve?.(...received))
  // A host is told by the address that it was asked at: only one socket for all of them takes connections to any.
  if (addresses) server.http.on('connection', cutStrangers)
  const bound = await listen(server.http, port, addresses ? '0.0.0.0' : '127.0.0.1')
  const contents = networkContents(options, addresses ? bound : undefined)
  const books = createBooks()
  const { hosts, accounts, hostNamed } = contents
  const url = `http://127.0.0.1:${bound}`
  const close = async () => {
    closing.abort()
    await closeAll(server.http)
    if (server.errors.length > 0) throw server.errors[0]
  }
  const network: TestNetwork = {
    url,
    hosts: hosts.all.map(({ name }) => name),
    hostsOf: (group) => hosts.all.filter((host) => host.group.name === group).map(({ name }) => name),
    endpointOf: hosts.endpointOf,
    fetch: networkFetch(url),
    account: accounts.find,
    accounts: contents.accountsOf,
    dids: contents.didsOf,
    set: accounts.set,
    change: (host, change) => void Object.assign(hostNamed(host).behaviour, change),
    rebuild: (host) => accounts.reorder(hostNamed(host).place),
    relay: { ...options.relay },
    asked: books.ofHost,
    askedGroup: books.ofGroup,
    get inFlight() {
      return server.load.now
    },
    get maxInFlight() {
      return server.load.peak
    },
    close,
    [Symbol.asyncDispose]: close,
  }
  serve = serverOf(options, { contents, books, relay: () => network.relay, closing: closing.signal })
  return network
}

type Serve = (incoming: IncomingMessage, response: ServerResponse) => Promise<void>

interface ServeParts {
  readonly contents: NetworkContents
  readonly books: HostBooks
  relay(): RelayHalf
  readonly closing: AbortSignal
}

function serverOf(
  { maxLimit = 1000, script }: TestNetworkOptions,
  { contents: { hosts, accounts }, books, relay, closing }: ServeParts,
): Serve {
  checkNumber('maxLimit', 'a positive integer', maxLimit, 1, Number.MAX_SAFE_INTEGER)
  const [limits, requests] = [createLimits(), createRequests(hosts, maxLimit)]
  const hostContents = { accounts, endpointOf: hosts.endpointOf }
  const pause = (ms: number) => sleep(ms, undefined, { signal: closing })

  function genuineOf(request: HostRequest, host: NetworkHost | undefined): GenuineAnswer {
    if (request.host === 'plc') return documentAnswer(request.did ?? '', hostContents, 404)
    if (request.host === 'relay' || host?.group.relay === true)
      return relayAnswer(request, { ...hostContents, hosts: hosts.all, half: relay() })
    return hostAnswer(host?.place ?? -1, request, hostContents)
  }

  return async (incoming, response) => {
    const { request, host } = requests.read(incoming)
    const {
      limit,
      down,
      latencyMs = 0,
    } = host?.behaviour ?? {
      latencyMs: request.host === 'relay' ? relay().latencyMs : 0,
    }
    const refusal = limit === undefined ? undefined : limits.refusal(request, limit)
    books.note(request, refusal !== undefined)
    const fault = refusal === undefined ? ((await script?.(request)) ?? downFault(down)) : undefined
    const latency = typeof latencyMs === 'function' ? latencyMs(request) : latencyMs
    const wait = latency + (fault?.delayMs ?? 0)
    if (wait > 0) await pause(wait)
    if (response.destroyed) return
    await send(response, refusal ?? answerUnder(fault, genuineOf(request, host)), fault, pause)
  }
}

function downFault(down: HostGroup['down'] = false): Fault | undefined {
  if (down === false) return undefined
  return down === true ? { cut: 'before-headers' } : { status: down, body: '', headers: HTML }
}

const HTML = { 'content-type': 'text/html' }

/** The socket that takes connections to any address of 127.0.0.0/8 would take those of other machines, too. */
function cutStrangers(socket: Socket): void {
  if (!/^(?:::ffff:)?127\./.test(socket.remoteAddress ?? '')) socket.destroy()
}
