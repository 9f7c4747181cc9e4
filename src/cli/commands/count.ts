import { discover } from '../../run/discovery.ts'
import { collectionFilter } from '../../sources/collection-filter.ts'
import { describe } from '../../util/describe.ts'
import { count, plural } from '../../util/format.ts'
import { printable } from '../../util/text.ts'
import { countRelays, type RelayCount } from '../../verify/compare-relays.ts'
import { SOURCE_RETRY } from '../ask-sources.ts'
import type { RelayOptions } from '../command-options.ts'
import { brokenEnd, type Context, EXIT } from '../context.ts'
import { letterOf } from '../output/columns-text.ts'
import { type CountedCollection, countHead, countLines } from '../output/compare-text.ts'
import { type Relay, relaysOf } from '../relay-options.ts'
import { checkedRelays, collectionsFor, type SurveyOptions } from '../relay-survey.ts'
import { type SurveyReport, surveyReport } from '../survey-report.ts'

export interface CountOptions extends RelayOptions, Omit<SurveyOptions, 'collection'> {
  readonly json?: boolean
}

/** Counts what relays list of some collections, or what their directories tell in all. @returns the exit code */
export async function countRepos(
  names: readonly string[],
  options: CountOptions,
  context: Context,
): Promise<number> {
  const { signal } = context.interruption
  const relays = relaysOf(options)
  const report = surveyReport(relays, options, context)
  try {
    const isWhole =
      names.length > 0
        ? await countLists({ ...options, collection: names }, relays, report, context)
        : await countDirectories(options, relays, report, signal)
    const outcome = isWhole ? 'complete' : 'incomplete'
    report.end({ outcome, exitCode: EXIT[outcome] }, [])
    return EXIT[outcome]
  } catch (error) {
    report.end(brokenEnd(error, context.interruption), [])
    throw error
  }
}

/** @returns whether every list was read to its end */
async function countLists(
  options: SurveyOptions,
  relays: readonly Relay[],
  report: SurveyReport,
  context: Context,
): Promise<boolean> {
  const { signal } = context.interruption
  const collections = await collectionsFor(options, relays, context)
  report.begin({ collections: collections.length })
  const parts = await checkedRelays(relays, collections, { options, report, signal, goesOn: true })
  const names = relays.map(({ relay }) => relay)
  report.head((screen) => countHead(names, screen))
  let isWhole = parts.listers.length === relays.length
  for (const { nsid } of collections) {
    const counts = await countRelays(nsid, parts)
    const inOrder = names.map((relay) => counts.find((each) => each.relay === relay) ?? { relay })
    const counted = judged(nsid, inOrder)
    if (counts.some(({ listed }) => listed === undefined)) isWhole = false
    report.found('counted', counted, (screen) => countLines(counted, screen))
  }
  return isWhole
}

function judged(collection: string, relays: readonly RelayCount[]): CountedCollection {
  const read = relays.flatMap(({ relay, listed }) => (listed === undefined ? [] : [{ relay, listed }]))
  const [largest, ...others] = read.toSorted((a, b) => b.listed - a.listed)
  const smallest = others.at(-1)
  if (largest === undefined) return { collection, relays }
  if (smallest === undefined) return { collection, relays, largest }
  const difference = largest.listed === 0 ? 0 : (largest.listed - smallest.listed) / largest.listed
  return { collection, relays, largest, difference }
}

/** What a relay's own directory counts. */
interface DirectoryTotal {
  readonly relay: string
  readonly collections?: number
  /** The repos of all its collections: one that is in several is counted in each. */
  readonly pairs?: number
  readonly leastRepos?: number
  readonly error?: unknown
}

/** @returns whether every relay's directory answered */
async function countDirectories(
  options: CountOptions,
  relays: readonly Relay[],
  report: SurveyReport,
  signal: AbortSignal,
): Promise<boolean> {
  const { wants } = collectionFilter(options)
  report.begin({})
  const totals = await Promise.all(
    relays.map(async ({ relay, lister: { directory } }): Promise<DirectoryTotal> => {
      const sources = directory === undefined ? [] : [{ source: directory }]
      const found = await discover(sources, { relays: [], signal, retry: SOURCE_RETRY, onRetry() {} })
      const [failure] = found.errors
      if (failure !== undefined) return { relay, error: failure.error }
      const known = found.collections.filter(({ nsid }) => wants(nsid))
      const pairs = known.reduce((sum, { estimatedRepos = 0 }) => sum + estimatedRepos, 0)
      const leastRepos = found.sources[0]?.leastRepos
      return { relay, collections: known.length, pairs, ...(leastRepos !== undefined && { leastRepos }) }
    }),
  )
  for (const [i, total] of totals.entries())
    report.found('directory', total, () => [`  ${letterOf(i)}  ${directoryText(total)}`])
  return totals.every(({ error }) => error === undefined)
}

function directoryText({ collections, pairs, leastRepos, error }: DirectoryTotal): string {
  if (collections === undefined || pairs === undefined)
    return printable(
      `its directory did not answer: ${describe(error)} Name collections to have their lists counted.`,
    )
  const hidden = leastRepos === undefined ? '' : `; it hides those under ${plural(leastRepos, 'repo')}`
  return `${count(pairs)} pairs in ${plural(collections, 'collection')}, by its own directory${hidden}`
}
