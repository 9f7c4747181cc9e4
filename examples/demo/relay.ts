import { type RelayScript, startRelay, type TestRelay } from 'atproto-collection-backfill/testing'
import { type Network, scaledNetwork } from './network.ts'
import type { DemoOptions } from './options.ts'

/** The relay that the demo brings along, and the network that it holds. */
export interface BundledRelay extends AsyncDisposable {
  readonly network: Network
  readonly relay: TestRelay
}

/** Progress is kept by the relay's address, so its port must be the same each time. */
export async function startBundledRelay({ port, pairs, latencyMs }: DemoOptions): Promise<BundledRelay> {
  const network = scaledNetwork(pairs)
  const { sizes: collections, garden } = network
  // The relay's directory tells the sizes, from which the time that is left follows.
  const script: RelayScript = ({ path }) =>
    path === '/v1/listCollections' ? { status: 200, body: { collections, cursor: '' } } : undefined
  try {
    const relay = await startRelay({ collections, garden, latencyMs, port, script })
    return { network, relay, [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose]() }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error
    throw new Error(`Port ${port} is taken: another demo may be running. Choose another one with --port.`)
  }
}
