import { wrap } from './output/terminal-text.ts'
import { SOURCES_HELP } from './source-options.ts'

/** As wide as the smallest usual terminal. */
const WIDTH = 80
const INDENT = ' '.repeat(6)

/** What the help of a command ends with. Sentences are broken at the width, and the commands of the examples before an option, so that a shell takes them. */
function helpText(text: string): string {
  return text
    .split('\n')
    .flatMap((line) => (line.startsWith('  ') ? brokenCommand(line) : wrap(line, WIDTH)))
    .join('\n')
}

function brokenCommand(line: string): string[] {
  const at = line.lastIndexOf(' --', WIDTH - 2)
  if (line.length <= WIDTH || at < INDENT.length) return [line]
  return [`${line.slice(0, at)} \\`, ...brokenCommand(INDENT + line.slice(at + 1))]
}

/** 128 and the number of the signal; 141 when what reads the output has gone. */
const SIGNAL_CODES = '130 interrupted by Ctrl-C, 129 SIGHUP, 141 a closed pipe, 143 SIGTERM'

const EXIT_CODES = `Exit codes: 0 complete, 1 incomplete or failed, 2 wrong usage, ${SIGNAL_CODES}.`

export const HELP: string = helpText(`
Examples:
  atproto-collection-backfill run --relay relay1.us-east.bsky.network
  atproto-collection-backfill status --watch
  atproto-collection-backfill retry

${EXIT_CODES}
NO_COLOR and FORCE_COLOR switch colors off and on.`)

export const RUN_HELP: string = helpText(`
${SOURCES_HELP}

Examples:
  atproto-collection-backfill run --relay relay1.us-east.bsky.network
      all collections that lexicon.garden and the relay know, into
      ./collection-backfill.sqlite
  atproto-collection-backfill run --relay relay.example --database postgres://localhost/relay --concurrency 8
  atproto-collection-backfill run --relay relay.example --collection app.bsky.feed.post,com.whtwnd.blog.entry
  atproto-collection-backfill run --relay relay.example --collection 'app.bsky.*'
  atproto-collection-backfill run --relay relay.example --dry-run
  atproto-collection-backfill run --relay relay.example --relay other.example --source directory observed
  RELAY=relay.example BACKFILL_REFRESH=7d atproto-collection-backfill run --json

Ctrl-C stops within a second, and the same command goes on from there; twice, it stops at once.
A run also finishes the collections that earlier runs began for the same relay.
${EXIT_CODES}`)

export const STATUS_HELP: string = helpText(`
Examples:
  atproto-collection-backfill status
  atproto-collection-backfill status --watch --database postgres://localhost/relay
  atproto-collection-backfill status --state failed --all`)

export const DISCOVER_HELP: string = helpText(`
${SOURCES_HELP}

Examples:
  atproto-collection-backfill discover
  atproto-collection-backfill discover --relay relay.example --source directory ufos --json

Exit codes: 0 every source answered, 1 a source did not, 2 wrong usage, ${SIGNAL_CODES}.`)

export const RETRY_HELP: string = helpText(`
Examples:
  atproto-collection-backfill retry
  atproto-collection-backfill retry app.bsky.feed.post --database postgres://localhost/relay`)

export const RESET_HELP: string = helpText(`
Pairs stay in the index. A collection that a run reads at the moment is not reset, and the exit code is 1 then.

Examples:
  atproto-collection-backfill reset app.bsky.feed.post com.whtwnd.blog.entry
  atproto-collection-backfill reset app.bsky.feed.post --relay relay.example --database postgres://localhost/relay`)

export const VERIFY_HELP: string = helpText(`
Missing: the relay lists it and the index lacks it. Surplus: the index holds it and the relay does not list it.
What changes while the lists are read may show as a difference. Several relays: what they list together is compared.

--repair adds what is missing and removes what is surplus; --repair add and --repair remove do one of them. Before it removes, it compares everything, says how many pairs it would remove, and asks. Without a terminal it needs --yes. Name every relay that the index was filled from: what only another relay lists is surplus.

Examples:
  atproto-collection-backfill verify --relay relay1.us-east.bsky.network
  atproto-collection-backfill verify --relay relay.example --collection app.bsky.feed.post --samples 100 --json
  atproto-collection-backfill verify --relay relay.example --repair
  atproto-collection-backfill verify --relay relay.example --repair remove --yes

Exit codes: 0 equal or repaired, 1 different or incomplete, 2 wrong usage, ${SIGNAL_CODES}.`)

export const MIGRATE_HELP: string = helpText(`
The command run does so first. The others create nothing, and bring tables of an earlier version up to date.

Examples:
  atproto-collection-backfill migrate --database postgres://localhost/relay`)
