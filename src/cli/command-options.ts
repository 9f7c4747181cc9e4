import { type Command, Option } from 'commander'
import { type Database, DEFAULT_FILE } from './database.ts'
import {
  durationOf,
  hosts,
  namesOrPatterns,
  nsid,
  nsids,
  plcUrl,
  positiveNumber,
  relays,
  wholeNumberFrom,
} from './option-values.ts'
import { ALL_SOURCES, DEFAULT_SOURCES, type SourceName, sourceRequestsOf } from './source-options.ts'
import { UsageError } from './usage-error.ts'

/** What several commands take. The environment's variables stand in for what is not written. */

export interface DatabaseOptions {
  readonly database?: string
  readonly data?: string
  readonly schema?: string
}

export function addDatabase(command: Command): Command {
  return command
    .addOption(option('--database <url>', 'the Postgres that holds index and progress', 'DATABASE_URL'))
    .addOption(
      option(
        '--data <file>',
        `the file that holds them, of SQLite, instead of --database (${DEFAULT_FILE})`,
        'BACKFILL_DATA',
      ),
    )
    .addOption(option('--schema <name>', 'schema of the tables, in a Postgres', 'BACKFILL_SCHEMA'))
}

/** What is written wins over the environment, and there the Postgres. */
export function databaseOf(command: Command): Database {
  const { database, data, schema }: DatabaseOptions = command.opts()
  const written = (name: string) => command.getOptionValueSource(name) === 'cli'
  if (written('database') && written('data')) {
    throw new UsageError('--database and --data name two databases: give one of them.')
  }
  if (database === undefined || written('data')) {
    if (written('schema'))
      throw new UsageError('--schema is for a Postgres: give --database, or leave it out.')
    return { kind: 'sqlite', file: data ?? DEFAULT_FILE }
  }
  // Here and not where it is read: there, the value would be repeated, with its password.
  if (!/^postgres(ql)?:\/\//.test(database)) {
    throw new UsageError(
      '--database must be a URL such as postgres://user:password@host:5432/database; a file is given with --data.',
    )
  }
  return { kind: 'postgres', url: database, schema }
}

/** What `--relay` means to a command that reads relays, and to one that changes the progress of one. */
export const RELAY_EXAMPLE = 'a host such as relay1.us-east.bsky.network, or a URL; several may be given'
export const ONE_RELAY = 'which relay, if the database has the progress of several'

export interface RelayOptions {
  readonly relay?: readonly string[]
}

export function addRelay(command: Command, help: string): Command {
  return command.addOption(option('--relay <host>', help, 'RELAY', relays))
}

export function addCollections(command: Command, help: string): Command {
  return command.addOption(option('--collection <nsid...>', help, 'BACKFILL_COLLECTIONS', nsids))
}

export function addSources(
  command: Command,
  which = 'only these collections, and those already registered',
  sources: readonly SourceName[] = ALL_SOURCES,
): Command {
  const adding = command.addOption(
    option(
      '--collection <name...>',
      `${which}; 'app.bsky.*' means those that the sources know of them`,
      'BACKFILL_COLLECTIONS',
      namesOrPatterns,
    ),
  )
  return addSource(adding, 'where collection names come from', sources)
}

export function addSource(command: Command, help: string, sources: readonly SourceName[]): Command {
  const defaults = DEFAULT_SOURCES.filter((name) => sources.includes(name))
  return command.addOption(
    option(
      '--source <name...>',
      `${help}, see below (${defaults.join(', ')})`,
      'BACKFILL_SOURCES',
      sourceRequestsOf(sources),
    ),
  )
}

/** The library's options of these names. */
export function addFilter(command: Command): Command {
  return command
    .addOption(
      option(
        '--only <name...>',
        "of the collections that are known, only these: app.bsky.feed.post, 'app.bsky.*'",
        'BACKFILL_ONLY',
        namesOrPatterns,
      ),
    )
    .addOption(
      option(
        '--except <name...>',
        'leave these out, however they are known; wins over --only',
        'BACKFILL_EXCEPT',
        namesOrPatterns,
      ),
    )
}

export interface RequestOptions {
  readonly pageSize?: number
  readonly requestsPerSecond?: number
  readonly retries?: number
  readonly checkCollection?: string
  /** False: without the check. */
  readonly check?: boolean
}

/** How a relay is asked. */
export function addRequests(command: Command): Command {
  return command
    .addOption(
      option(
        '--page-size <n>',
        'repos in a page, up to 10000 (2000)',
        'BACKFILL_PAGE_SIZE',
        wholeNumberFrom(1, 10_000),
      ),
    )
    .addOption(
      option(
        '--requests-per-second <n>',
        'most requests a second, of each relay',
        'BACKFILL_REQUESTS_PER_SECOND',
        positiveNumber,
      ),
    )
    .addOption(
      option('--retries <n>', 'retries of a request (9)', 'BACKFILL_RETRIES', wholeNumberFrom(0, 1_000)),
    )
    .addOption(
      option(
        '--check-collection <nsid>',
        'a collection that the relay must have (app.bsky.actor.profile, else those of --collection)',
        'BACKFILL_CHECK_COLLECTION',
        nsid,
      ),
    )
    .addOption(flag('--no-check', 'begin without that check', 'BACKFILL_NO_CHECK'))
}

export function addPlc(command: Command): Command {
  return command.addOption(
    option('--plc <url>', 'where the documents of did:plc are (plc.directory)', 'BACKFILL_PLC', plcUrl),
  )
}

/** How the hosts of repos are found. */
export function addResolving(command: Command): Command {
  return addPlc(command).addOption(
    option(
      '--allow <name...>',
      'hosts to ask though they are not public: *.internal, localhost:2583',
      'BACKFILL_ALLOW_HOSTS',
      hosts,
    ),
  )
}

/** How hosts are asked for repos. @param atOnce what `--concurrency` counts */
export function addHostRequests(command: Command, atOnce: string): Command {
  return command
    .addOption(
      option('--concurrency <n>', `${atOnce} (100)`, 'BACKFILL_CONCURRENCY', wholeNumberFrom(1, 5_000)),
    )
    .addOption(
      option(
        '--requests-per-second <n>',
        'most requests a second, to each host (8)',
        'BACKFILL_REQUESTS_PER_SECOND',
        positiveNumber,
      ),
    )
    .addOption(
      option('--retries <n>', 'retries of a request (5)', 'BACKFILL_RETRIES', wholeNumberFrom(0, 1_000)),
    )
}

/** How many DIDs a comparison shows where nothing is said. */
export const SAMPLES = 3

export function addSamples(command: Command, help: string): Command {
  return command.addOption(
    option('--samples <n>', `${help} (${SAMPLES})`, 'BACKFILL_SAMPLES', wholeNumberFrom(0, 1_000)),
  )
}

export interface PaceOptions {
  readonly concurrency?: number
  readonly refresh?: number
  readonly maxAttempts?: number
}

/** How collections are walked. */
export function addPace(command: Command): Command {
  return command
    .addOption(
      option(
        '--concurrency <n>',
        'collections read at once, of each relay (6)',
        'BACKFILL_CONCURRENCY',
        wholeNumberFrom(1, 1_000),
      ),
    )
    .addOption(
      option(
        '--max-attempts <n>',
        'attempts per collection before it is marked failed (5)',
        'BACKFILL_MAX_ATTEMPTS',
        wholeNumberFrom(1, 1_000),
      ),
    )
    .addOption(
      option(
        '--refresh <age>',
        'read again what was completed longer ago than this: 12h, 7d',
        'BACKFILL_REFRESH',
        durationOf,
      ),
    )
}

/** An option that a variable of the environment stands in for, unless that is set to nothing. */
export function option<Value>(
  flags: string,
  help: string,
  variable: string,
  parse?: (text: string, before?: Value) => Value,
): Option {
  const made = new Option(flags, help)
  if (parse) made.argParser((given: string, before: Value | undefined) => parse(given, before))
  return process.env[variable] === '' ? made : made.env(variable)
}

/** An option without a value, that a variable of the environment turns on. */
export function flag(flags: string, help: string, variable: string): Option {
  const made = new Option(flags, help)
  const isOff = ['', '0', 'false'].includes(process.env[variable] ?? 'unset')
  return isOff ? made : made.env(variable)
}
