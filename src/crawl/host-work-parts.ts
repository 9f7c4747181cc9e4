import type { ProgressStore } from '../contracts/progress-store.ts'
import type { Rate } from '../http/pacing.ts'
import type { Patience } from '../run/patient-store.ts'
import type { CrawlSettings } from './crawl-options.ts'
import { groupScope } from './crawl-scopes.ts'
import type { EmitCrawl } from './host-events.ts'
import { groupOf } from './shared-limits.ts'

/** What the work on all hosts of a run has in common. */
export interface HostWorkParts extends CrawlSettings {
  /** Waits by itself while it is unavailable. */
  readonly progress: ProgressStore
  readonly patience: Patience
  readonly signal: AbortSignal
  /** Ends the run. */
  readonly stop: AbortController
  readonly emit: EmitCrawl
  /** Of a host whose group shares a limit. Absent for single hosts. */
  readonly group?: SharedPace | undefined
}

/** The pace that the hosts of a group share. */
export interface SharedPace {
  /** `*.host.example` */
  readonly name: string
  readonly rate: Rate
  /** Keeps the group's pauses. */
  readonly scope: string
}

/** The pace of a group. One of a run with other limits keeps the pace of one host over all of its hosts. */
export function sharedPace(name: string, { groups, rates, requestsPerSecond }: CrawlSettings): SharedPace {
  const { requestsPerSecond: most } = groups.find(({ hosts }) => hosts === name) ?? { requestsPerSecond }
  // Whoever asked these hosts before may have done so a moment ago.
  return { name, rate: rates.of(name, most, 1_000 / most), scope: groupScope(name) }
}

/**
 * The pace that a host shares with others. Its row may be one of an earlier crawl, as which it belonged to no group, or
 * to another.
 */
export function paceOf(origin: string, parts: HostWorkParts): SharedPace | undefined {
  const { groups, group } = parts
  const name = groupOf(origin, groups)?.hosts
  return name === undefined || name === group?.name ? group : sharedPace(name, parts)
}
