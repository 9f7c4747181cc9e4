import type { KnownCollection } from '../contracts/collection-source.ts'
import type { HostSource, KnownHost } from '../contracts/host-source.ts'
import { DiscoveryError } from '../errors.ts'
import { abortable } from '../util/abort.ts'
import { describe } from '../util/describe.ts'
import { isPassing, LONGEST_WAIT_MS, retrying } from '../util/retry.ts'
import { oneLine } from '../util/text.ts'
import { FAILED_REPOS, groupScope, HOSTS } from './crawl-scopes.ts'
import type { HostAddress } from './host-address.ts'
import { settleScopes } from './host-rows.ts'
import type { HostWorkParts } from './host-work-parts.ts'
import { groupOf, type HostGroup } from './shared-limits.ts'

/** How many reasons are told where there is nothing to crawl. */
const MOST_REASONS = 5

/** The hosts that the sources name, each once. */
interface Found {
  readonly hosts: ReadonlyMap<string, FoundHost>
  readonly leftOut: ReadonlyMap<string, string>
  readonly errors: readonly { source: string; error: unknown }[]
}

interface FoundHost extends HostAddress {
  readonly accounts: number | undefined
}

function scopeOf(group: HostGroup | undefined): string {
  return group === undefined ? HOSTS : groupScope(group.hosts)
}

/**
 * Asks the sources, and registers their hosts: each as a row of its own, and for those of a group a row of the group,
 * which is what is claimed first.
 *
 * @throws DiscoveryError when there is nothing to crawl
 */
export async function registerHosts(parts: HostWorkParts): Promise<void> {
  const { progress, groups, emit, signal } = parts
  const { refreshAfterMs, refreshBefore, keepFailed } = parts
  const { hosts, leftOut, errors } = await findHosts(parts)
  signal.throwIfAborted()
  const scopes = new Map(Array.from(hosts, ([host, { origin }]) => [host, scopeOf(groupOf(origin, groups))]))
  const isRefresh = refreshAfterMs !== undefined || refreshBefore !== undefined
  const staying = await settleScopes(scopes, { progress, groups, isRefresh })
  const registering = [...hosts.values()].filter(({ host }) => !staying.has(host))
  const byGroup = Map.groupBy(registering, ({ origin }) => groupOf(origin, groups))
  const options = { refreshAfterMs, refreshBefore, keepFailed }
  const singles = (byGroup.get(undefined) ?? []).map(rowOf)
  const groupRows: KnownCollection[] = []
  for (const group of groups) {
    const members = byGroup.get(group) ?? []
    await progress.register(groupScope(group.hosts), members.map(rowOf), options)
    if (members.length > 0) groupRows.push({ nsid: group.hosts, estimatedRepos: accountsOf(members) })
  }
  await progress.register(HOSTS, [...singles, ...groupRows], options)
  // Repos that failed in earlier crawls are asked for again, as hosts are.
  await progress.register(FAILED_REPOS, [], { keepFailed })
  await reopenGroups(parts)
  const registered = await progress.list({ relay: HOSTS })
  if (registered.length === 0) throw new DiscoveryError(errors, noHostsText(errors, leftOut))
  emit({ type: 'hosts', hosts: hosts.size, accounts: accountsOf([...hosts.values()]), leftOut: leftOut.size })
}

/** Why there is nothing to crawl. */
function noHostsText(errors: Found['errors'], leftOut: Found['leftOut']): string {
  const reasons = [
    ...errors.map(({ source, error }) => `${source}: ${describe(error).replace(/\.$/, '')}`),
    ...Array.from(leftOut, ([host, reason]) => `${host} ${reason}`),
  ]
  const why = reasons.length === 0 ? 'No source named one' : reasons.slice(0, MOST_REASONS).join('; ')
  const more = reasons.length > MOST_REASONS ? `; and ${reasons.length - MOST_REASONS} more` : ''
  return `There is no host to crawl, and none is registered from an earlier run. ${why}${more}.`
}

/** A group that is complete, and has hosts to crawl again, is claimed again. @returns whether there was one */
export async function reopenGroups({ progress, groups }: HostWorkParts): Promise<boolean> {
  let isReopened = false
  for (const { hosts } of groups) {
    const { collections } = await progress.remaining(groupScope(hosts))
    if (collections === 0) continue
    const [row] = (await progress.list({ relay: HOSTS })).filter(({ collection }) => collection === hosts)
    if (row === undefined) await progress.register(HOSTS, [{ nsid: hosts }], { keepFailed: true })
    else if (row.state === 'complete' || row.state === 'failed') await progress.reset(HOSTS, [hosts])
    isReopened = true
  }
  return isReopened
}

function rowOf({ host, accounts }: FoundHost): KnownCollection {
  return accounts === undefined ? { nsid: host } : { nsid: host, estimatedRepos: accounts }
}

function accountsOf(hosts: readonly FoundHost[]): number {
  return hosts.reduce((sum, { accounts = 0 }) => sum + accounts, 0)
}

/** What the sources know that is to be crawled. One that fails has still given what it gave before. */
async function findHosts(parts: HostWorkParts): Promise<Found> {
  const { named, sources, rules, emit } = parts
  const hosts = new Map<string, FoundHost>()
  const leftOut = new Map<string, string>()
  const errors: { source: string; error: unknown }[] = []
  const take = (known: KnownHost, relay?: string) => {
    const read = rules.judge(known, relay)
    if (!('problem' in read)) {
      const accounts = known.accounts ?? hosts.get(read.host)?.accounts
      hosts.set(read.host, { ...read, accounts })
      return
    }
    const host = oneLine(String(known.host), 100)
    if (leftOut.has(host)) return
    leftOut.set(host, read.problem)
    emit({ type: 'hostLeftOut', host, reason: read.problem })
  }
  for (const host of named) take({ host })
  for (const source of sources) {
    try {
      await readSource(source, parts, (known) => take(known, source.relay))
    } catch (error) {
      parts.signal.throwIfAborted()
      errors.push({ source: source.name, error })
      emit({ type: 'hostsFailed', source: source.name, error })
    }
  }
  return { hosts, leftOut, errors }
}

/** Reads a source to its end, again from its beginning where its error says that this may help. */
function readSource(
  source: HostSource,
  { retry, signal, emit }: HostWorkParts,
  take: (known: KnownHost) => void,
): Promise<void> {
  const read = async () => {
    const iterator = source.hosts({ signal })[Symbol.asyncIterator]()
    for (;;) {
      const { done, value } = await abortable(iterator.next(), signal)
      if (done) return
      take(value)
    }
  }
  return retrying(read, {
    ...retry,
    longestWaitMs: LONGEST_WAIT_MS,
    signal,
    mayRetry: isPassing,
    onRetry: (context) => emit({ type: 'retry', source: source.name, ...context }),
  })
}
