import { database } from './database.ts'
import { embedded } from './embedded.ts'
import { faulty } from './faulty.ts'
import { network } from './network.ts'
import { overhead } from './overhead.ts'
import { prune } from './prune.ts'
import { start } from './start.ts'
import type { Section } from './table.ts'
import { type UnscaledOptions, unscaled } from './unscaled.ts'
import { workers } from './workers.ts'
import { type XrpcOptions, xrpc } from './xrpc.ts'

/** @param quick tiny sizes, to see in seconds that it works: its figures mean nothing */
export type Benchmark = (quick: boolean, options?: XrpcOptions & UnscaledOptions) => Promise<Section>

/** By the name that the command line takes, in the order in which they run and stand in the results. */
export const BENCHMARKS: ReadonlyMap<string, Benchmark> = new Map<string, Benchmark>([
  ['network', network],
  ['unscaled', unscaled],
  ['database', database],
  ['embedded', embedded],
  ['overhead', overhead],
  ['workers', workers],
  ['faulty', faulty],
  ['xrpc', xrpc],
  ['prune', prune],
  ['start', start],
])
