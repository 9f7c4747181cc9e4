import { type RelayContents, relayContents } from '../../src/testing/contents.ts'
import { startChild } from './child.ts'
import type { Load } from './load.ts'

export interface RelayOptions extends Pick<Load, 'sizes' | 'pageSize' | 'latencyMs'> {}

/** A relay in a process of its own that serves one load, and takes requests of its page size only. */
export interface BenchRelay extends AsyncDisposable {
  readonly url: string
  /** What it serves, to compare an index with. */
  readonly contents: RelayContents
}

export async function startBenchRelay({ sizes, pageSize, latencyMs }: RelayOptions): Promise<BenchRelay> {
  const options: RelayOptions = { sizes, pageSize, latencyMs }
  const child = startChild('./relay-child.ts', options)
  const { url } = await child.hear<{ url: string }>()
  return {
    url,
    contents: relayContents({ collections: sizes }),
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  }
}
