import { SOURCES_HELP } from './source-options.ts'

/** What the help of each command ends with. */

const EXIT_CODES = 'Exit codes: 0 complete, 1 incomplete or failed, 2 wrong usage, 130 interrupted by Ctrl-C.'

export const HELP: string = `
Examples:
  atproto-collection-backfill run --relay relay1.us-east.bsky.network
  atproto-collection-backfill status --watch
  atproto-collection-backfill retry

${EXIT_CODES}
Colors: as NO_COLOR and FORCE_COLOR say.`

export const RUN_HELP: string = `
${SOURCES_HELP}

Examples:
  atproto-collection-backfill run --relay relay1.us-east.bsky.network
      into ./collection-backfill-data, from the collections that lexicon.garden and the relay know
  atproto-collection-backfill run --relay relay.example --database postgres://localhost/relay --concurrency 8
  atproto-collection-backfill run --relay relay.example --collection app.bsky.feed.post,com.whtwnd.blog.entry
  atproto-collection-backfill run --relay relay.example --collection 'app.bsky.*'
  atproto-collection-backfill run --relay relay.example --relay other.example --source directory observed
  RELAY=relay.example DATABASE_URL=postgres://localhost/relay atproto-collection-backfill run --refresh 7d --json

Ctrl-C stops within a second, and the same command goes on from there; twice, it stops at once.
A run also finishes what earlier ones have begun for the same relay.
${EXIT_CODES}`

export const STATUS_HELP = `
Examples:
  atproto-collection-backfill status
  atproto-collection-backfill status --watch --database postgres://localhost/relay
  atproto-collection-backfill status --state failed --all`

export const DISCOVER_HELP: string = `
${SOURCES_HELP}

Examples:
  atproto-collection-backfill discover
  atproto-collection-backfill discover --relay relay.example --source directory ufos --json

Exit codes: 0 every source answered, 1 one did not, 2 wrong usage, 130 interrupted by Ctrl-C.`

export const RETRY_HELP = `
Examples:
  atproto-collection-backfill retry
  atproto-collection-backfill retry app.bsky.feed.post --database postgres://localhost/relay`

export const RESET_HELP = `
Pairs stay in the index. What a run walks at the moment is left alone, and then the exit code is 1.

Examples:
  atproto-collection-backfill reset app.bsky.feed.post com.whtwnd.blog.entry
  atproto-collection-backfill reset app.bsky.feed.post --relay relay.example --database postgres://localhost/relay`

export const VERIFY_HELP = `
Missing is what the relay lists and the index lacks; surplus, what the index holds beside it. The lists are no snapshots:
what changes while they are read may show as a difference.

Examples:
  atproto-collection-backfill verify --relay relay1.us-east.bsky.network
  atproto-collection-backfill verify --relay relay.example --collection app.bsky.feed.post --samples 100 --json

Exit codes: 0 equal, 1 different or incomplete, 2 wrong usage, 130 interrupted by Ctrl-C.`

export const MIGRATE_HELP = `
Every other command does so too.

Examples:
  atproto-collection-backfill migrate --database postgres://localhost/relay`
