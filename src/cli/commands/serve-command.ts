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
} from '../command-options.ts'
import { helpText } from '../help.ts'
import { durationOf, hosts, wholeNumberFrom } from '../option-values.ts'
import type { RegisterCommand } from '../register-command.ts'
import { SERVE_PORT, type ServeOptions } from '../serve/serve-options.ts'
import { sourcesHelp } from '../source-options.ts'

const HELP = helpText(`
${sourcesHelp()}

The backlog is read again when it is older than --refresh (7d).

Paths:
  /xrpc/com.atproto.sync.listReposByCollection, listRepos, getRepoStatus
  /v1/listCollections, /v1/getDidsForCollection
  /_health, /xrpc/_health, /metrics
  /admin/backfill-collections   with an admin token: a status page, start, stop

Examples:
  atproto-collection-backfill serve --relay relay1.us-east.bsky.network
  atproto-collection-backfill serve --relay relay.example --database postgres://localhost/relay
  atproto-collection-backfill serve --relay relay.example --port 8080 --listen 127.0.0.1 --json

With --only or --except, the feed brings no other collections either; those that the index or a run knew before stay up to date.

First the feed is followed, then the backlog is imported, so nothing falls between the two. Several may serve one Postgres: one of them follows the feed, and they share the work of a backfill. Ctrl-C and SIGTERM end it within two seconds, and the same command goes on from there; twice, it ends at once.
Exit codes: 0 ended by Ctrl-C or SIGTERM, 1 failed, 2 wrong usage, 129 SIGHUP, 141 a closed pipe; 130 and 143 where the database held up the end for more than two seconds.`)

export const registerServe: RegisterCommand = (program, choose) => {
  const adding = program.command('serve').description('Keep an index up to date, and serve it.')
  addRelay(adding, 'whose backlog is imported; the feed of the first one is followed')
  addDatabase(adding)
  adding
    .addOption(option('--port <n>', `where it is served (${SERVE_PORT})`, 'PORT', wholeNumberFrom(0, 65_535)))
    .addOption(
      option('--listen <address>', 'the address to listen on (every one of this machine)', 'BACKFILL_LISTEN'),
    )
    .addOption(
      option(
        '--metrics-port <n>',
        'a port of its own for /metrics (the same)',
        'BACKFILL_METRICS_PORT',
        wholeNumberFrom(0, 65_535),
      ),
    )
    .addOption(
      option(
        '--max-limit <n>',
        'most repos in a page that is asked for, up to 10000 (2000, as the lexicon has it)',
        'BACKFILL_MAX_LIMIT',
        wholeNumberFrom(1, 10_000),
      ),
    )
    .addOption(
      flag(
        '--several-collections',
        'a list may be asked for of several collections, or of none, which is all repos',
        'BACKFILL_SEVERAL_COLLECTIONS',
      ),
    )
    .addOption(
      option(
        '--admin-token <token>',
        'lets its owner watch, start and stop runs: 16 characters at least, better given by the variable (no admin)',
        'BACKFILL_ADMIN_TOKEN',
      ),
    )
    .addOption(
      option(
        '--feed <address>',
        'whose live feed is followed: a relay, or a Jetstream by its URL, wss://…/subscribe (the first of --relay)',
        'BACKFILL_FEED',
      ),
    )
    .addOption(
      flag('--no-feed', 'follow no feed: another program keeps the index up to date', 'BACKFILL_NO_FEED'),
    )
    .addOption(
      option(
        '--plc <host>',
        'the directory of DIDs, which names the host of a repo that is to be looked up (plc.directory)',
        'BACKFILL_PLC',
      ),
    )
    .addOption(
      option(
        '--allow <host...>',
        'hosts of repos that may be asked though they are no public ones: *.internal, localhost:2583',
        'BACKFILL_ALLOW_HOSTS',
        hosts,
      ),
    )
    .addOption(
      option(
        '--prune <age>',
        'how often the pairs of accounts that are gone are removed (7d)',
        'BACKFILL_PRUNE',
        durationOf,
      ),
    )
    .addOption(flag('--no-prune', 'do not remove them', 'BACKFILL_NO_PRUNE'))
    .addOption(flag('--no-backlog', 'import no backlog: another process does', 'BACKFILL_NO_BACKLOG'))
  addSources(adding)
  addFilter(adding)
  addPace(adding)
  addRequests(adding)
  adding
    .addOption(flag('--json', 'one line of JSON for each event', 'BACKFILL_JSON'))
    .addHelpText('after', HELP)
    .action((options: ServeOptions, command) => {
      const database = databaseOf(command)
      choose(command, async (context) => (await import('./serve.ts')).serve(options, database, context))
    })
}
