import { workKindOf, workScope, workSubjectOf } from '../util/scopes.ts'

/** The scope whose rows are the hosts, and the groups of hosts that share a limit. */
export const HOSTS: string = workScope('crawl', '')

/** The scope whose rows are the hosts of a group. Its group, `*.host.example`, is a row of {@link HOSTS}. */
export function groupScope(group: string): string {
  return workScope('crawl', group)
}

/** The scope that keeps the pause which one host asked for. It has no rows of hosts. */
export function pauseScope(host: string): string {
  return workScope('crawl', host)
}

/** The scope whose rows keep the repos that failed, a row for each host or group of hosts. */
export const FAILED_REPOS: string = workScope('crawl', 'failed-repos')

/** Whether a row stands for a group of hosts, which have rows of their own. */
export function isGroup(name: string): boolean {
  return name.includes('*')
}

/** Whether a row is of a host: those of groups, and of other work, are not. */
export function isHostRow({ relay, collection }: { relay: string; collection: string }): boolean {
  if (workKindOf(relay) !== 'crawl' || isGroup(collection)) return false
  const subject = workSubjectOf(relay)
  return subject === '' || isGroup(subject)
}
