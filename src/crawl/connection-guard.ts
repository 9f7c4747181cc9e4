import { boundedCache } from './bounded-cache.ts'
import { isPublicName } from './public-name.ts'

/** What Node's `fetch` tells of a connection before it sends a request over it. */
interface Connected {
  readonly connectParams?: { readonly hostname?: string }
  readonly socket?: { readonly remoteAddress?: string; destroy(error: Error): void }
}

/** What is used here of `node:diagnostics_channel`. */
interface Channels {
  subscribe(channel: string, listener: (message: unknown) => void): void
  unsubscribe(channel: string, listener: (message: unknown) => void): void
}

const CHANNEL = 'undici:client:connected'

/**
 * Breaks connections to hosts whose public names lead to an address of a private network, before a request is sent: a
 * name that was looked up before could lead elsewhere by then. It works in Node, for its own `fetch`; elsewhere nothing
 * tells what is connected to, and there is {@link guardedFetch}.
 *
 * @param isGuarded whether a host may be reached at public addresses alone
 * @returns what ends it
 */
export function guardConnections(isGuarded: (hostname: string) => boolean): () => void {
  const { process } = globalThis as { process?: { getBuiltinModule?(name: string): unknown } }
  const channels = process?.getBuiltinModule?.('node:diagnostics_channel') as Channels | undefined
  if (channels === undefined) return () => {}
  const onConnect = (message: unknown) => {
    const { connectParams, socket } = message as Connected
    const { hostname = '' } = connectParams ?? {}
    const { remoteAddress = '' } = socket ?? {}
    if (remoteAddress === '' || isPublicAddress(remoteAddress) || !isGuarded(hostname)) return
    socket?.destroy(privateAddress(hostname, remoteAddress))
  }
  channels.subscribe(CHANNEL, onConnect)
  return () => channels.unsubscribe(CHANNEL, onConnect)
}

/** Tells the addresses of a name. */
export type LookUp = (hostname: string) => Promise<readonly string[]>

interface GuardedFetchParts {
  /** Absent where the runtime cannot look names up, as in browsers, and where connections tell their addresses. */
  readonly lookUp: LookUp | undefined
  readonly fetch: typeof globalThis.fetch
}

/** How long the addresses of a name are believed, in milliseconds: about as long as resolvers keep them. */
const BELIEVED_MS = 60_000

/** How many names are remembered. */
const MOST_NAMES = 10_000

/**
 * A fetch for Bun and Deno, which do not tell what they connect to: the name is looked up before. So a name that changes
 * its address in between gets through.
 *
 * @param isGuarded whether a host may be reached at public addresses alone
 * @returns nothing where the runtime's own fetch will do
 */
export function guardedFetch(
  isGuarded: (hostname: string) => boolean,
  { lookUp, fetch }: GuardedFetchParts = { lookUp: ownLookUp(), fetch: globalThis.fetch },
): typeof globalThis.fetch | undefined {
  if (lookUp === undefined) return undefined
  const believed = boundedCache<number>(MOST_NAMES)

  async function check(hostname: string): Promise<void> {
    if ((believed.get(hostname) ?? 0) > performance.now()) return
    // A name without an address is for the request itself to tell.
    const addresses = (await lookUp?.(hostname).catch(() => [])) ?? []
    const found = addresses.find((address) => !isPublicAddress(address))
    if (found !== undefined) throw privateAddress(hostname, found)
    if (addresses.length > 0) believed.set(hostname, performance.now() + BELIEVED_MS)
  }

  return async (input, init) => {
    const { hostname } = new URL(input instanceof Request ? input.url : input)
    if (isGuarded(hostname)) await check(hostname)
    return await fetch(input, init)
  }
}

/** What is used here of `node:dns`. */
interface Dns {
  readonly promises: {
    lookup(hostname: string, options: { all: true }): Promise<readonly { readonly address: string }[]>
  }
}

function ownLookUp(): LookUp | undefined {
  const { process, Bun, Deno } = globalThis as {
    process?: { getBuiltinModule?(name: string): unknown }
    Bun?: unknown
    Deno?: unknown
  }
  if (Bun === undefined && Deno === undefined) return undefined
  const dns = process?.getBuiltinModule?.('node:dns') as Dns | undefined
  if (dns === undefined) return undefined
  return async (hostname) => {
    const found = await dns.promises.lookup(hostname, { all: true })
    return found.map(({ address }) => address)
  }
}

function privateAddress(hostname: string, address: string): Error {
  return new Error(`${hostname} leads to ${address}, an address of a private network`)
}

function isPublicAddress(address: string): boolean {
  return isPublicName(address.includes(':') ? `[${address.replace(/%.*$/, '')}]` : address)
}
