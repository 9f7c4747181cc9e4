/**
 * The relay of `./testing`, with a directory, in a process of its own: its DIDs are generated page by page, so it holds any
 * number of them. The first line of stdin holds its options, the first of stdout its URL.
 */
import { startRelay } from '../../src/testing/test-relay.ts'
import { parent } from './child.ts'

/** What it is to hold. */
export interface NetworkRelayOptions {
  readonly sizes: Readonly<Record<string, number>>
}

const { hear, say } = parent()
const options = await hear<NetworkRelayOptions>()
if (options !== undefined) {
  const { sizes: collections } = options
  const directory = { status: 200, body: { collections, cursor: '' } }
  const relay = await startRelay({
    collections,
    script: ({ path }) => (path === '/v1/listCollections' ? directory : undefined),
  })
  say({ url: relay.url })
}
