import { addDatabase, addHostRequests, databaseOf, flag, option } from '../command-options.ts'
import { EXIT_CODES, helpText } from '../help.ts'
import { durationOf, hosts, relays, wholeNumberFrom } from '../option-values.ts'
import type { RegisterCommand } from '../register-command.ts'
import type { CrawlCommandOptions } from './crawl.ts'

const HELP = helpText(`
For each host its list of repos is read (com.atproto.sync.listRepos), and each active repo is asked for its collections (com.atproto.repo.describeRepo): one request for each repo. Hosts of *.host.bsky.network are left out, for a relay imports them far faster: import these with run. --allow '*.host.bsky.network' crawls them all the same, ten requests a second for all of them together.

Left out of a relay's list, too, unless --allow names them: hosts that the relay calls banned or offline, addresses of private networks, and relays.

Examples:
  atproto-collection-backfill crawl --hosts-of relay1.us-east.bsky.network
  atproto-collection-backfill crawl --host pds.example --host other.example --database postgres://localhost/relay
  atproto-collection-backfill crawl --hosts-of relay.example --refresh-after 30d --json

Ctrl-C stops within a second, and the same command goes on from there. Several processes share the work.
A crawl also finishes the hosts that earlier crawls have begun, and tries those again that failed.
A repo that its host cannot tell of is tried three times, once more when all hosts are read, and once by each later crawl. The exit code is 1 until then. --failed FILE collects those that are left, for index --file FILE.
${EXIT_CODES}`)

export const registerCrawl: RegisterCommand = (program, choose) => {
  const adding = program
    .command('crawl')
    .description('Read from the hosts themselves what no relay lists.')
    .addOption(option('--host <host...>', 'these hosts: pds.example, or URLs', 'BACKFILL_HOSTS', hosts))
    .addOption(option('--hosts-of <relay...>', 'the hosts that a relay lists', 'BACKFILL_HOSTS_OF', relays))
  addDatabase(adding)
  adding
    .addOption(
      option(
        '--deny <host...>',
        'hosts of that list to leave out, instead of *.host.bsky.network',
        'BACKFILL_DENY_HOSTS',
        hosts,
      ),
    )
    .addOption(
      option(
        '--allow <host...>',
        'hosts to crawl that would be left out: pds.example, *.internal, localhost:2583',
        'BACKFILL_ALLOW_HOSTS',
        hosts,
      ),
    )
  addHostRequests(adding, 'hosts asked at once')
  adding
    .addOption(
      option(
        '--page-size <n>',
        'repos in a page, up to 1000 (500)',
        'BACKFILL_PAGE_SIZE',
        wholeNumberFrom(1, 1_000),
      ),
    )
    .addOption(
      option(
        '--max-attempts <n>',
        'attempts per host, half an hour apart, before it is marked failed (5)',
        'BACKFILL_MAX_ATTEMPTS',
        wholeNumberFrom(1, 1_000),
      ),
    )
    .addOption(
      option(
        '--refresh-after <age>',
        'crawl hosts again that were completed longer ago than this: 12h, 30d',
        'BACKFILL_REFRESH',
        durationOf,
      ),
    )
    .addOption(
      option('--failed <file>', 'write the DIDs that could not be read to this file', 'BACKFILL_FAILED'),
    )
    .addOption(flag('--json', 'one line of JSON for each event', 'BACKFILL_JSON'))
    .addHelpText('after', HELP)
    .action((options: CrawlCommandOptions, command) => {
      const database = databaseOf(command)
      choose(command, async (context) => {
        const { crawl } = await import('./crawl.ts')
        return crawl(options, database, context)
      })
    })
}
