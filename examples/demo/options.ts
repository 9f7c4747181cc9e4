import { parseArgs } from 'node:util'

export interface DemoOptions {
  readonly data: string
  readonly fresh: boolean
  readonly port: number
  readonly pairs: number
  readonly latencyMs: number
}

export const HELP = `Backfills an atproto collection index into a file of SQLite, from a bundled
relay that holds a model of the network, and compares the two.

  npm run demo
  npm run demo -- --pairs 61000000    the network at full size

  --data FILE    where the index is kept (.backfill-demo.sqlite)
  --fresh        delete that file first
  --port N       the relay's port (2583)
  --pairs N      about how many pairs the relay holds (1000000)
  --latency MS   how long the relay takes for an answer (12)
  --help

Ctrl-C stops; the next start goes on where this one stopped. Meanwhile, in
another terminal:
node dist/cli/main.js status --watch --data .backfill-demo.sqlite
Exit codes: 0 complete, 1 incomplete or not equal to the relay, 130 interrupted.`

/** @returns nothing when help was asked for */
export function readOptions(args: string[]): DemoOptions | undefined {
  const { values } = parseArgs({
    args,
    options: {
      data: { type: 'string', default: '.backfill-demo.sqlite' },
      fresh: { type: 'boolean', default: false },
      port: { type: 'string', default: '2583' },
      pairs: { type: 'string', default: '1000000' },
      latency: { type: 'string', default: '12' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return undefined
  return {
    data: values.data,
    fresh: values.fresh,
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
