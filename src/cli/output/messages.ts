import type {
  BackfillEvent,
  CollectionFailedEvent,
  DiscoveredEvent,
  SourceReport,
} from '../../contracts/events.ts'
import { isBackfillError } from '../../errors.ts'
import { describe } from '../../util/describe.ts'
import { count, duration, plural } from '../../util/format.ts'
import { printable } from '../../util/text.ts'
import type { Screen } from './screen.ts'
import { painter, type Tone } from './terminal-format.ts'
import { wrap } from './terminal-text.ts'

const MAX_WIDTH = 120
const NARROWEST = 20

/** Says what happens in a run and is to be read later too. */
export interface Messages {
  /** What was discovered and what went wrong. */
  handle(event: BackfillEvent): void
}

/** @param to where it is said, and how wide that is */
export function createMessages(
  to: { say(lines: readonly string[]): void; screen(): Screen },
  { namesRelays }: { namesRelays: boolean },
): Messages {
  const tell = (mark: string, tone: Tone) => (who: string, what: string) =>
    to.say(messageLines({ mark, tone, who, what }, to.screen()))
  const [inform, warn, fail] = [tell('·', 'dim'), tell('!', 'yellow'), tell('✗', 'red')]

  function tellFailure({ collection, error, retryInMs, restart }: CollectionFailedEvent): void {
    const message = describe(error)
    if (restart) warn(collection, `begins again at the first page: ${message}`)
    else if (retryInMs !== undefined) warn(collection, `again in ${duration(retryInMs)}: ${message}`)
    else fail(collection, message)
  }

  return {
    handle(event) {
      switch (event.type) {
        case 'discovered': {
          const text = discoveredText(event.collections.length, event.sources)
          inform(namesRelays ? event.relay : '', text)
          for (const [source, what] of invalidTexts(event)) warn(source, what)
          return
        }
        case 'sourceFailed':
          return warn(event.source, describe(event.error))
        case 'collectionFailed':
          return tellFailure(event)
        case 'claimLost':
          return warn(event.collection, 'taken over by another worker')
        case 'storeUnavailable':
          return warn('database', `again in ${duration(event.waitMs)}: ${describe(event.error)}`)
        case 'relayFailed':
          // Collections that failed were told one by one.
          if (!isBackfillError(event.error, 'INCOMPLETE')) fail(event.relay, describe(event.error))
      }
    },
  }
}

function discoveredText(known: number, sources: readonly SourceReport[]): string {
  return `${plural(known, 'collection')} known: ${foundTexts(sources).join(', ')}`
}

/** What each source found. */
export function foundTexts(sources: readonly SourceReport[]): string[] {
  return sources.map(({ name, found, leastRepos }) => {
    const least = leastRepos === undefined ? '' : ` (none under ${plural(leastRepos, 'repo')})`
    return `${name} ${count(found)}${least}`
  })
}

/** For each source, what it named that is no collection. */
export function invalidTexts({
  sources,
  invalidNames = [],
}: Pick<DiscoveredEvent, 'sources' | 'invalidNames'>): [source: string, what: string][] {
  return sources
    .filter(({ invalid }) => invalid > 0)
    .map(({ name: source, invalid }) => {
      const names = invalidNames.filter((each) => each.source === source).map(({ name }) => name || '(empty)')
      const more = invalid > names.length ? ' and others' : ''
      const which = names.length === 0 ? '' : `: ${names.join(', ')}${more}`
      return [source, `gave ${plural(invalid, 'name that is', 'names that are')} no NSID, left out${which}`]
    })
}

interface Line {
  readonly mark: string
  readonly tone: Tone
  readonly who: string
  readonly what: string
}

/** Broken at the screen's width; what a server says may be long, and nothing of it is cut. */
function messageLines({ mark, tone, who, what }: Line, { columns, color }: Screen): string[] {
  const paint = painter(color)
  const width = Math.max(NARROWEST, Math.min(columns - 1, MAX_WIDTH) - 4)
  const name = printable(who)
  const [first = '', ...rest] = wrap(`${name} ${printable(what)}`.trim(), width)
  const begin = first.startsWith(name) ? paint('bold', name) + first.slice(name.length) : first
  return [`  ${paint(tone, mark)} ${begin}`, ...rest.map((line) => `    ${line}`)]
}
