import { parseArgs } from 'node:util'

export interface ChaosOptions {
  /** How long things go wrong. The calm end after it takes as long as it needs, 60 s at most. */
  readonly seconds: number
  /** What the work, the faults and the times of the disturbances follow from. */
  readonly seed: number
  /** Worker processes at the same time. */
  readonly workers: number
  /** `sqlite`: one file for all workers, whose processes are all that can be disturbed. */
  readonly database: 'postgres' | 'sqlite'
  /** Of Postgres. */
  readonly synchronousCommit: 'on' | 'off'
  /** `off`: the workers' store lets every claim write, for the proof that a broken promise is noticed. */
  readonly fence: 'on' | 'off'
}

export const USAGE = `npm run chaos -- [--seconds 60] [--seed <number>] [--workers 5] [--database postgres|sqlite] [--synchronous-commit on|off] [--fence on|off]
or npm run chaos -- --scene crawl [--hosts 2800] [--repos 300000] [--workers 3] [--rate 80] [--every 12]`

/** @throws Error that says what is wrong with the arguments */
export function parseOptions(args: readonly string[]): ChaosOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
      workers: { type: 'string', default: '5' },
      database: { type: 'string', default: 'postgres' },
      'synchronous-commit': { type: 'string', default: 'on' },
      fence: { type: 'string', default: 'on' },
    },
  })
  const { database } = values
  if (database !== 'postgres' && database !== 'sqlite')
    throw new Error(`--database must be postgres or sqlite, not ${database}.`)
  if (database === 'sqlite' && values.fence === 'off') throw new Error('--fence off is for Postgres.')
  return {
    database,
    seconds: wholeNumber('seconds', values.seconds, 1),
    seed: wholeNumber('seed', values.seed, 0),
    workers: wholeNumber('workers', values.workers, 1),
    synchronousCommit: onOrOff('synchronous-commit', values['synchronous-commit']),
    fence: onOrOff('fence', values.fence),
  }
}

/** @throws Error that names the option */
export function wholeNumber(name: string, text: string, least: number): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < least || number > 2 ** 31)
    throw new Error(`--${name} must be a whole number of at least ${least}, not ${text}.`)
  return number
}

function onOrOff(name: string, text: string): 'on' | 'off' {
  if (text === 'on' || text === 'off') return text
  throw new Error(`--${name} must be on or off, not ${text}.`)
}
