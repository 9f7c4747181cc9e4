import type {
  BackfillEvent,
  CollectionFailedEvent,
  DiscoveredEvent,
  RetryEvent,
  SourceReport,
  StoreAvailableEvent,
  StoreUnavailableEvent,
} from '../../contracts/events.ts'
import { isBackfillError } from '../../errors.ts'
import { describe } from '../../util/describe.ts'
import { count, duration, plural } from '../../util/format.ts'
import { missingText } from '../../util/missing-text.ts'
import { printable, withoutName } from '../../util/text.ts'
import type { Screen } from './screen.ts'
import { painter, type Tone } from './terminal-format.ts'
import { wrap } from './terminal-text.ts'

const MAX_WIDTH = 120
const NARROWEST = 20

/** How many failures of one kind are said. */
const MOST_OF_A_KIND = 3

/** How many collections are named that are left out. */
const MOST_NAMED = 5

/** Says what happens in a run and is to be read later too. */
export interface Messages {
  /** What was discovered and what went wrong. */
  handle(event: BackfillEvent): void
}

/** Where messages are said, and how wide that is. */
export interface MessagePlace {
  say(lines: readonly string[]): void
  screen(): Screen
}

/** Says what is to be read later too: who it is about, and what. */
export type SayMessage = (who: string, what: string) => void

export function messageSayers(to: MessagePlace): Record<'inform' | 'warn' | 'fail', SayMessage> {
  const tell =
    (mark: string, tone: Tone): SayMessage =>
    (who, what) =>
      to.say(messageLines({ mark, tone, who, what: withoutName(what, who) }, to.screen()))
  return { inform: tell('·', 'dim'), warn: tell('!', 'yellow'), fail: tell('✗', 'red') }
}

/**
 * Of each kind of failure, the first few are said; then it is said once that more come.
 *
 * @returns whether one more of a kind is to be said
 */
export function fewOfEachKind(inform: SayMessage): (kind: string) => boolean {
  const kinds = new Map<string, number>()
  return (kind) => {
    const said = (kinds.get(kind) ?? 0) + 1
    kinds.set(kind, said)
    if (said === MOST_OF_A_KIND + 1)
      inform('', 'more fail in the same way, and are not listed here: see the command status')
    return said <= MOST_OF_A_KIND
  }
}

export function createMessages(to: MessagePlace, { namesRelays }: { namesRelays: boolean }): Messages {
  const { inform, warn, fail } = messageSayers(to)
  const isSaid = fewOfEachKind(inform)
  /** What the checks of relays have met. */
  const met = new Set<string>()
  /** The relays whose runs cannot use their store. */
  const without = new Set<string>()

  function tellFailure(event: CollectionFailedEvent): void {
    const { collection, error, retryInMs, restart } = event
    const message = describe(error)
    if (!isSaid(kindOf(event, message))) return
    if (!restart && retryInMs === undefined) return fail(collection, message)
    const what = withoutName(message, collection)
    const when = restart ? 'begins again at the first page' : `again in ${duration(retryInMs ?? 0)}`
    warn(collection, `${when}: ${what}`)
  }

  /** What the check before the run meets, or a source: it is tried again for a while, and nothing else would show why. */
  function tellRetry({ relay, collection, source, error }: RetryEvent): void {
    const message = describe(error)
    const fault = `${relay} ${source ?? message}`
    if (collection !== undefined || met.has(fault)) return
    met.add(fault)
    const who = source ?? relay
    warn(who, `cannot be asked yet, and is asked again: ${withoutName(message, who)}`)
  }

  function tellOutage(event: StoreUnavailableEvent | StoreAvailableEvent): void {
    const wasWithout = without.size > 0
    if (event.type === 'storeUnavailable') {
      without.add(event.relay)
      if (!wasWithout) warn('database', `is unavailable, and is asked again: ${describe(event.error)}`)
      return
    }
    without.delete(event.relay)
    if (wasWithout && without.size === 0) inform('database', `is back after ${duration(event.unavailableMs)}`)
  }

  return {
    handle(event) {
      switch (event.type) {
        case 'discovered': {
          const text = discoveredText(event.collections.length, event.sources)
          inform(namesRelays ? event.relay : '', text)
          for (const [source, what] of invalidTexts(event)) warn(source, what)
          for (const what of unmatchedTexts(event)) warn('', what)
          for (const what of leftOutTexts(event)) inform(namesRelays ? event.relay : '', what)
          return
        }
        case 'sourceFailed':
          return warn(event.source, describe(event.error))
        case 'indexMissing':
          return warn(namesRelays ? event.relay : 'index', missingText(event.collections))
        case 'retry':
          return tellRetry(event)
        case 'collectionFailed':
          return tellFailure(event)
        case 'claimLost':
          return warn(event.collection, 'taken over by another worker, or cancelled')
        case 'storeUnavailable':
        case 'storeAvailable':
          return tellOutage(event)
        case 'relayFailed':
          // Collections that failed were told one by one.
          if (!isBackfillError(event.error, 'INCOMPLETE')) fail(event.relay, describe(event.error))
      }
    },
  }
}

/** Two failures are of one kind if they differ by names and numbers alone. */
function kindOf({ relay, collection, retryInMs, restart }: CollectionFailedEvent, message: string): string {
  const what = message.replaceAll(collection, '').replaceAll(/\d+/g, '')
  return [relay, restart, retryInMs === undefined, what].join(' ')
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

/** What `--only` and `--except` name that there is not. */
export function unmatchedTexts({ unmatched = [] }: Pick<DiscoveredEvent, 'unmatched'>): string[] {
  if (unmatched.length === 0) return []
  return [`--only or --except: no collection that is known matches ${unmatched.join(', ')}`]
}

/** What earlier runs registered and this one leaves as it is. */
export function leftOutTexts({ leftOut = [] }: Pick<DiscoveredEvent, 'leftOut'>): string[] {
  if (leftOut.length === 0) return []
  const one =
    'collection that an earlier run registered is left out by --only or --except, and stays as it is'
  const several =
    'collections that earlier runs registered are left out by --only or --except, and stay as they are'
  return [`${plural(leftOut.length, one, several)}: ${someOf(leftOut)}`]
}

function someOf(names: readonly string[]): string {
  const more = names.length - MOST_NAMED
  return `${names.slice(0, MOST_NAMED).join(', ')}${more > 0 ? ` and ${count(more)} more` : ''}`
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
