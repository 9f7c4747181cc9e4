import { isValidNsid } from '@atproto/syntax'
import { InvalidArgumentError } from 'commander'
import type { CollectionState } from '../contracts/collection-progress.ts'
import type { GoneState } from '../crawl/index-repos-options.ts'
import { relayUrl, sourceUrl } from '../http/server-url.ts'
import { isPattern } from '../sources/matching.ts'
import type { PairFormat } from '../transfer/pair-text.ts'
import type { RepairMode } from '../verify/repair.ts'
import type { ListenAddress } from './listen-address.ts'

/** What an option's or an argument's text stands for. Each throws what commander tells with the option's name. */

export function wholeNumberFrom(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= min && value <= max) return value
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`)
  }
}

export function positiveNumber(text: string): number {
  const value = Number(text)
  if (/^\d+(\.\d+)?$/.test(text) && value > 0) return value
  throw new InvalidArgumentError('It must be a number above 0.')
}

/** A share in percent. @returns it as a number from 0 to 1 */
export function shareOf(text: string): number {
  const value = Number(text)
  if (/^\d+(\.\d+)?$/.test(text) && value <= 100) return value / 100
  throw new InvalidArgumentError('It must be a number from 0 to 100.')
}

/** One of a few words. */
export function oneOf<Word extends string>(...allowed: readonly Word[]): (text: string) => Word {
  return (text) => {
    const word = allowed.find((known) => known === text)
    if (word !== undefined) return word
    throw new InvalidArgumentError(`It must be one of ${allowed.join(', ')}.`)
  }
}

const UNITS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/** @returns milliseconds */
export function durationOf(text: string): number {
  const [, amount = '', unit = ''] = /^(\d+(?:\.\d+)?)([smhdw])$/.exec(text) ?? []
  const ms = Number(amount) * (UNITS[unit] ?? Number.NaN)
  if (amount !== '' && Number.isFinite(ms)) return Math.round(ms)
  throw new InvalidArgumentError('It must be a number with a unit: 90s, 30m, 12h, 7d or 2w.')
}

/** Where a program listens that is for the people of this machine, unless another address is named. */
const OWN_ADDRESS = '127.0.0.1'

/** `8080`, or with an address: `0.0.0.0:8080`, `[::]:8080`. */
export function listenAddress(text: string): ListenAddress {
  const [, host, bracketed, port = ''] = /^(?:([\w.-]+):|\[([\da-f:.]+)\]:)?(\d{1,5})$/i.exec(text) ?? []
  if (port === '' || Number(port) > 65_535)
    throw new InvalidArgumentError('It must be a port such as 8080, or an address and a port: 0.0.0.0:8080.')
  return { host: host ?? bracketed ?? OWN_ADDRESS, port: Number(port) }
}

/** One name. */
export function nsid(text: string): string {
  const [name = '', ...more] = nsids(text)
  if (name !== '' && more.length === 0) return name
  throw new InvalidArgumentError('It must be one NSID such as app.bsky.actor.profile.')
}

/** One name or several, separated by commas or spaces, added to those given before. */
export function nsids(text: string, before: readonly string[] = []): readonly string[] {
  const names = words(text)
  const wrong = names.find((name) => !isValidNsid(name))
  if (wrong !== undefined) {
    throw new InvalidArgumentError(
      `${JSON.stringify(wrong)} is not a valid NSID: write it as app.bsky.feed.post, three parts or more.`,
    )
  }
  return [...before, ...names]
}

/** The same, and patterns such as `app.bsky.*`. */
export function namesOrPatterns(text: string, before: readonly string[] = []): readonly string[] {
  const given = words(text)
  const wrong = given.find((word) => !isValidNsid(word) && !isPattern(word))
  if (wrong === undefined) return [...before, ...given]
  throw new InvalidArgumentError(
    `${JSON.stringify(wrong)} is not a valid NSID, nor a pattern: write it as app.bsky.feed.post or 'app.bsky.*'.`,
  )
}

/** One relay or several, separated by commas or spaces, added to those given before; each once. */
export function relays(text: string, before: readonly string[] = []): readonly string[] {
  const given = [...before, ...words(text)]
  return [...new Map(given.map((relay) => [relayUrl(relay).relay, relay])).values()]
}

/** The address of a directory of DIDs. */
export function plcUrl(text: string): string {
  relayUrl(text, 'plc')
  return text
}

/** The address of a list of lexicons. */
export function gardenUrl(text: string): string {
  sourceUrl(text, 'garden')
  return text
}

/** One host or several, or patterns such as `*.example`, separated by commas or spaces, added to those given before. */
export function hosts(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, ...words(text)]
}

/** What needs a look comes first. */
export const STATES: readonly CollectionState[] = ['failed', 'running', 'pending', 'complete']

/** One state or several, separated by commas or spaces, added to those given before. */
export function states(text: string, before: readonly CollectionState[] = []): readonly CollectionState[] {
  const wanted = words(text)
  const found = STATES.filter((state) => wanted.includes(state))
  if (found.length === wanted.length) return [...before, ...found]
  throw new InvalidArgumentError(`It must be one of ${STATES.join(', ')}.`)
}

const GONE_STATES: readonly GoneState[] = ['deactivated', 'deleted', 'notFound', 'suspended', 'takendown']

/** One state or several, separated by commas or spaces. */
export function goneStates(text: string): readonly GoneState[] {
  const wanted = words(text)
  const found = GONE_STATES.filter((state) => wanted.includes(state))
  if (found.length === wanted.length && found.length > 0) return found
  throw new InvalidArgumentError(`It must be some of ${GONE_STATES.join(', ')}; DIDs stand before it.`)
}

export function repairMode(text: string): RepairMode {
  const mode = (['add', 'remove', 'both'] as const).find((known) => known === text)
  if (mode !== undefined) return mode
  throw new InvalidArgumentError('It must be add, remove or both; without a value, it is both.')
}

export function pairFormat(text: string): PairFormat {
  if (text === 'csv' || text === 'ndjson') return text
  throw new InvalidArgumentError('It must be csv or ndjson.')
}

export function words(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== '')
}
