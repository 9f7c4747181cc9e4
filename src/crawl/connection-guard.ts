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
 * tells what is connected to.
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
    socket?.destroy(new Error(`${hostname} leads to ${remoteAddress}, an address of a private network`))
  }
  channels.subscribe(CHANNEL, onConnect)
  return () => channels.unsubscribe(CHANNEL, onConnect)
}

function isPublicAddress(address: string): boolean {
  return isPublicName(address.includes(':') ? `[${address.replace(/%.*$/, '')}]` : address)
}
