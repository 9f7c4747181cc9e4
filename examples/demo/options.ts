import { parseArgs } from 'node:util'

export interface DemoOptions {
  /** The relay to backfill from; the bundled one without it. */
  readonly relay: string | undefined
  /** The collections to walk; those that are discovered without any. */
  readonly collections: readonly string[]
  readonly data: string
  readonly fresh: boolean
  readonly port: number
  readonly pairs: number
  readonly latencyMs: number
}

export const HELP = `Backfills an atproto collection index into a PGlite folder and shows how it goes.

  npm run demo                      from a bundled relay that holds a model of the network
  npm run demo -- --relay HOST      from a real relay, such as relay1.us-east.bsky.network

  --relay HOST        a host, or an http or https URL
  --collection NSID   walk this collection only; may be repeated; needs --relay
  --data DIR          where the index is kept (./.backfill-demo, or ./.backfill-relay with --relay)
  --fresh             delete that folder first
  --port N            the bundled relay's port (2583)
  --pairs N           about how many pairs the bundled relay holds (1000000)
  --latency MS        how long the bundled relay takes for an answer (12)
  --help

Ctrl-C stops; the next start goes on where this one stopped.
Exit codes: 0 complete, 1 incomplete or not equal to the relay, 130 interrupted.`

/** @returns nothing when help was asked for */
export function readOptions(args: string[]): DemoOptions | undefined {
  const { values } = parseArgs({
    args,
    options: {
      relay: { type: 'string' },
      collection: { type: 'string', multiple: true, default: [] },
      data: { type: 'string' },
      fresh: { type: 'boolean', default: false },
      port: { type: 'string', default: '2583' },
      pairs: { type: 'string', default: '1000000' },
      latency: { type: 'string', default: '12' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return undefined
  const { relay, collection: collections, fresh } = values
  if (collections.length > 0 && relay === undefined) {
    throw new Error('--collection needs --relay: the bundled relay is always walked whole.')
  }
  return {
    relay,
    collections,
    fresh,
    data: values.data ?? (relay === undefined ? '.backfill-demo' : '.backfill-relay'),
    port: wholeNumber('--port', values.port, 1, 65_535),
    pairs: wholeNumber('--pairs', values.pairs, 1, 61_000_000),
    latencyMs: wholeNumber('--latency', values.latency, 0, 60_000),
  }
}

function wholeNumber(option: string, text: string, least: number, most: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= least && value <= most) return value
  throw new Error(`${option} must be a whole number from ${least} to ${most}, not ${JSON.stringify(text)}.`)
}
