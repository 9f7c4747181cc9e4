import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSqlite } from '../../src/sqlite/index.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { commandLine } from './compiled.ts'
import { atMost, median, type Row, type Section, spread } from './table.ts'

/** 0.15 s and 0.25 s, where a bare Node takes 0.04 s. */
const GOAL_HELP = 3.75
const GOAL_STATUS = 6.25
const RUNS = 15
const ROWS = 30

/** How long the command line takes from its start to its end, beside a bare Node. */
export async function start(quick: boolean): Promise<Section> {
  const program = await commandLine(quick)
  await using folder = await temporaryFolder()
  const file = `${folder.path}/index.sqlite`
  await fill(file)
  const cases: readonly (readonly [name: string, args: readonly string[]])[] = [
    ['node -e 0', ['-e', '0']],
    ['--help', [program, '--help']],
    ['status', [program, 'status', '--data', file]],
  ]
  const seconds = new Map(cases.map(([name]) => [name, [] as number[]]))
  // In turns, so that a machine whose speed changes does so for all of them; the first one warms up.
  for (let run = 0; run <= (quick ? 1 : RUNS); run += 1)
    for (const [name, args] of cases) {
      const took = await secondsOf(args)
      if (run > 0) seconds.get(name)?.push(took)
    }
  const middle = (name: string) => median(seconds.get(name) ?? [])
  const ratio = (name: string) => middle(name) / middle('node -e 0')
  const rows = cases.map(
    ([name]): Row => [
      name,
      middle(name).toFixed(3),
      spread(seconds.get(name) ?? [], 3),
      ratio(name).toFixed(2),
    ],
  )
  return {
    name: 'start',
    setup: [
      `The command line, compiled as the package is, from the start of its process to its end; medians of ${RUNS} runs, in turns. ` +
        `status reads a file of SQLite with ${ROWS} collections.`,
    ],
    goals: [
      atMost('--help / bare Node', ratio('--help'), GOAL_HELP),
      atMost('status on a small file / bare Node', ratio('status'), GOAL_STATUS),
    ],
    tables: [{ head: ['command', 'seconds', 'spread', '/ bare Node'], rows }],
    problems: [],
    allRight: 'Each ended with 0.',
  }
}

async function fill(file: string): Promise<void> {
  await using store = await openSqlite(file)
  const names = Array.from({ length: ROWS }, (_, i) => ({ nsid: `com.example.c${i}`, estimatedRepos: i }))
  await store.progress.register('relay.example', names)
}

async function secondsOf(args: readonly string[]): Promise<number> {
  const startedAt = performance.now()
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}.`)
  return (performance.now() - startedAt) / 1000
}
