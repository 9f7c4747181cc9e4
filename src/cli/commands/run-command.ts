import {
  addDatabase,
  addFilter,
  addPace,
  addRelay,
  addRequests,
  addSources,
  databaseOf,
  flag,
  option,
  RELAY_EXAMPLE,
} from '../command-options.ts'
import { EXIT_CODES, helpText } from '../help.ts'
import { durationOf, listenAddress } from '../option-values.ts'
import type { RegisterCommand } from '../register-command.ts'
import { sourcesHelp } from '../source-options.ts'
import type { RunOptions } from './run.ts'

const HELP = helpText(`
${sourcesHelp()}

Examples:
  atproto-collection-backfill run --relay relay1.us-east.bsky.network
      all collections that lexicon.garden and the relay know, into
      ./collection-backfill.sqlite
  atproto-collection-backfill run --relay relay.example --database postgres://localhost/relay --concurrency 8
  atproto-collection-backfill run --relay relay.example --collection app.bsky.feed.post,com.whtwnd.blog.entry
  atproto-collection-backfill run --relay relay.example --collection 'app.bsky.*'
  atproto-collection-backfill run --relay relay.example --except app.bsky.feed.like 'com.example.*'
  atproto-collection-backfill run --relay relay.example --dry-run
  atproto-collection-backfill run --relay relay.example --relay other.example --source directory observed
  atproto-collection-backfill run --relay relay.example --serve 8080
  atproto-collection-backfill run --relay relay.example --every 24h --notify https://hooks.example/abc
  RELAY=relay.example BACKFILL_REFRESH=7d atproto-collection-backfill run --json

Ctrl-C stops within a second, and the same command goes on from there; twice, it stops at once.
A run also finishes the collections that earlier runs began for the same relay, but not those that --only or --except leave out: they stay as they are.
${EXIT_CODES}`)

export const registerRun: RegisterCommand = (program, choose) => {
  const adding = program.command('run').description('Backfill, and show the progress.')
  addRelay(adding, RELAY_EXAMPLE)
  addDatabase(adding)
  addSources(adding)
  addFilter(adding)
  addPace(adding)
  addRequests(adding)
  adding
    .addOption(flag('--json', 'one line of JSON for each event', 'BACKFILL_JSON'))
    .addOption(
      flag(
        '--dry-run',
        'say what the run would read, how long and how much; writes nothing',
        'BACKFILL_DRY_RUN',
      ),
    )
    .addOption(
      flag(
        '--compact',
        'make the index smaller when it is complete: see the command compact',
        'BACKFILL_COMPACT',
      ),
    )
    .addOption(
      option(
        '--every <time>',
        'when it has ended, wait until this long after its beginning, and run again: 24h',
        'BACKFILL_EVERY',
        durationOf,
      ),
    )
    .addOption(
      option(
        '--serve <port>',
        'a status page for browsers on this machine; with an address, 0.0.0.0:8080, for others too',
        'BACKFILL_SERVE',
        listenAddress,
      ),
    )
    .addOption(
      option(
        '--metrics-port <port>',
        '/metrics for Prometheus, in the same way',
        'BACKFILL_METRICS_PORT',
        listenAddress,
      ),
    )
    .addOption(option('--notify <url>', 'tell this URL of the end, by POST with JSON', 'BACKFILL_NOTIFY'))
    .addHelpText('after', HELP)
    .action((options: RunOptions, command) => {
      const database = databaseOf(command)
      choose(command, async (context) => {
        const does = options.dryRun ? (await import('./dry-run.ts')).dryRun : (await import('./run.ts')).run
        return does(options, database, context)
      })
    })
}
