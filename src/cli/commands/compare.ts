import type { KnownCollection } from '../../contracts/collection-source.ts'
import { type RelayComparison, relayComparer } from '../../verify/compare-relays.ts'
import type { RelayListParts } from '../../verify/lists.ts'
import { type RelayOptions, SAMPLES } from '../command-options.ts'
import { openComparisonCsv } from '../comparison-csv.ts'
import { brokenEnd, type Context, EXIT } from '../context.ts'
import { comparisonHead, comparisonLines, comparisonSum } from '../output/compare-text.ts'
import { relaysOf } from '../relay-options.ts'
import { checkedRelays, collectionsFor, type SurveyOptions } from '../relay-survey.ts'
import { accountResolver, type ResolveOptions, type SampleAccount } from '../sample-accounts.ts'
import { type SurveyReport, surveyReport } from '../survey-report.ts'
import { UsageError } from '../usage-error.ts'

export interface CompareOptions extends RelayOptions, SurveyOptions, ResolveOptions {
  readonly samples?: number
  readonly resolve?: boolean
  readonly csv?: string
  readonly json?: boolean
}

/** As that of `verify`: 24 million repos of all relays together fit. */
const MEMORY_BYTES = 268_435_456

/** Compares what relays list now with each other. @returns the exit code */
export async function compareRelays(options: CompareOptions, context: Context): Promise<number> {
  const { signal } = context.interruption
  const relays = relaysOf(options)
  if (relays.length < 2)
    throw new UsageError('Which relays? compare takes two or more: --relay HOST --relay OTHER.')
  const names = relays.map(({ relay }) => relay)
  const csv = options.csv === undefined ? undefined : await openComparisonCsv(options.csv, names)
  const collections = await collectionsFor(options, relays, context)
  const report = surveyReport(relays, options, context)
  const comparisons: RelayComparison[] = []
  try {
    report.begin({ collections: collections.length })
    const parts = await checkedRelays(relays, collections, { options, report, signal })
    report.head((screen) => comparisonHead(names, screen))
    for await (const comparison of compareAll(collections, parts, options, report)) {
      comparisons.push(comparison)
      await csv?.add(comparison)
    }
    const outcome = comparisons.every(({ compared }) => compared) ? 'complete' : 'incomplete'
    report.end({ outcome, exitCode: EXIT[outcome] }, [comparisonSum(comparisons)])
    return EXIT[outcome]
  } catch (error) {
    report.end(brokenEnd(error, context.interruption), [])
    throw error
  }
}

/** Each collection as soon as it was compared and told. */
async function* compareAll(
  collections: readonly KnownCollection[],
  parts: RelayListParts,
  options: CompareOptions,
  report: SurveyReport,
): AsyncGenerator<RelayComparison, void, void> {
  const sampleSize = options.samples ?? SAMPLES
  const compare = relayComparer({ ...parts, sampleSize, memoryBytes: MEMORY_BYTES })
  const resolve = options.resolve ? accountResolver(options) : undefined
  for (const { nsid } of collections) {
    const comparison = await compare(nsid)
    const { collection, compared, failed } = comparison
    const samples = compared?.relays.flatMap(({ samples }) => samples) ?? []
    const accounts: SampleAccount[] = (await resolve?.(samples, parts.signal)) ?? []
    const told = { collection, ...compared, ...(failed && { failed }), ...(resolve && { accounts }) }
    const known = new Map(accounts.map((account) => [account.did, account]))
    report.found('compared', told, (screen) => comparisonLines(comparison, known, screen))
    yield comparison
  }
}
