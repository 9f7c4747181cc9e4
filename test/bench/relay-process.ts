import { type RelayContents, relayContents } from '../../src/testing/contents.ts'
import { startChild } from './child.ts'
import type { FaultPlan, FaultReport } from './faults.ts'
import type { Load } from './load.ts'

/** Where it tells what went wrong so far. */
export const REPORT_PATH = '/faults'

export interface RelayOptions extends Pick<Load, 'sizes' | 'pageSize' | 'latencyMs'> {
  readonly faults?: FaultPlan | undefined
}

/** A relay in a process of its own that serves one load, and takes requests of its page size only. */
export interface BenchRelay extends AsyncDisposable {
  readonly url: string
  /** What it serves, to compare an index with. */
  readonly contents: RelayContents
  /** What went wrong so far: of a relay with a plan of faults. */
  faults(): Promise<FaultReport>
}

export async function startBenchRelay({
  sizes,
  pageSize,
  latencyMs,
  faults,
}: RelayOptions): Promise<BenchRelay> {
  const options: RelayOptions = { sizes, pageSize, latencyMs, faults }
  const child = startChild('./relay-child.ts', options)
  const { url } = await child.hear<{ url: string }>()
  return {
    url,
    contents: relayContents({ collections: sizes }),
    faults: async () => (await (await fetch(`${url}${REPORT_PATH}`)).json()) as FaultReport,
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  }
}
