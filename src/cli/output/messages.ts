import type { BackfillHooks, SourceReport } from '../../contracts/events.ts'
import { describe, type RelayFailure } from '../../errors.ts'
import { count, duration, plural } from '../../util/format.ts'
import { printable } from '../../util/text.ts'
import type { Screen } from './screen.ts'
import { painter, type Tone } from './terminal-format.ts'
import { wrap } from './terminal-text.ts'

const MAX_WIDTH = 120
const NARROWEST = 20

/** Says what happens in a run and is to be read later too. */
export interface News {
  /** What was discovered and what went wrong, as a relay's run tells it; named where there are several relays. */
  hooks(relay: string): BackfillHooks
  /** A relay's run is over before its time. */
  relayFailed(failure: RelayFailure): void
}

/** @param to where it is said, and how wide that is */
export function newsOf(to: { say(lines: readonly string[]): void; screen(): Screen }): News {
  const tell = (mark: string, tone: Tone) => (who: string, what: string) =>
    to.say(newsLines({ mark, tone, who, what }, to.screen()))
  const [inform, warn, fail] = [tell('·', 'dim'), tell('!', 'yellow'), tell('✗', 'red')]
  return {
    hooks: (relay) => hooksOf(relay, { inform, warn, fail }),
    relayFailed: ({ relay, error }) => fail(relay, describe(error)),
  }
}

type Tell = (who: string, what: string) => void

function hooksOf(
  relay: string,
  { inform, warn, fail }: Record<'inform' | 'warn' | 'fail', Tell>,
): BackfillHooks {
  return {
    discovered: ({ collections, sources }) => inform(relay, discoveredText(collections.length, sources)),
    sourceFailed: ({ name, error }) => warn(name, describe(error)),
    collectionFailed({ collection, error, retryInMs, restart }) {
      const message = describe(error)
      if (restart) warn(collection, `begins again at the first page: ${message}`)
      else if (retryInMs !== undefined) warn(collection, `again in ${duration(retryInMs)}: ${message}`)
      else fail(collection, message)
    },
    claimLost: ({ collection }) => warn(collection, 'taken over by another worker'),
    storeUnavailable: ({ error, waitMs }) =>
      warn('database', `again in ${duration(waitMs)}: ${describe(error)}`),
  }
}

function discoveredText(known: number, sources: readonly SourceReport[]): string {
  const parts = sources.map(({ name, found }) => `${name} ${count(found)}`)
  return `${plural(known, 'collection')} known: ${parts.join(', ')}`
}

interface Line {
  readonly mark: string
  readonly tone: Tone
  readonly who: string
  readonly what: string
}

/** Broken at the screen's width; what a server says may be long, and nothing of it is cut. */
function newsLines({ mark, tone, who, what }: Line, { columns, color }: Screen): string[] {
  const paint = painter(color)
  const width = Math.max(NARROWEST, Math.min(columns - 1, MAX_WIDTH) - 4)
  const name = printable(who)
  const [first = '', ...rest] = wrap(`${name} ${printable(what)}`.trim(), width)
  const begin = first.startsWith(name) ? paint('bold', name) + first.slice(name.length) : first
  return [`  ${paint(tone, mark)} ${begin}`, ...rest.map((line) => `    ${line}`)]
}
