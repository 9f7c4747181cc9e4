/**
 * A progress store keeps the rows of all work that workers claim. A row belongs to a scope, {@link ProgressRow.relay}: a
 * relay, by its name, or other work, by its kind and what it is about. No relay's name looks like one of these: it is a
 * host, or an origin that begins with `http`.
 */
export type WorkKind = 'feed' | 'crawl' | 'prune' | 'import' | 'index'

/** As a regular expression, for databases too. */
export const WORK_SCOPES = '^(feed|crawl|prune|import|index):'

const WORK = new RegExp(WORK_SCOPES)

/** The scope of work that is no backfill, such as `feed:relay.example`. */
export function workScope(kind: WorkKind, about: string): string {
  return `${kind}:${about}`
}

/** What kind of work a scope is of; nothing for a relay. */
export function workKindOf(scope: string): WorkKind | undefined {
  return WORK.exec(scope)?.[1] as WorkKind | undefined
}

/** What follows the kind in a scope: the relay, or another name. A relay's own scope is its name. */
export function workSubjectOf(scope: string): string {
  return scope.replace(WORK, '')
}

/** Whether a row's scope is a relay, so that the row is that of a collection. */
export function isRelayScope(scope: string): boolean {
  return !WORK.test(scope)
}

/** The rows of collections, without those of other work: for whatever lists rows of all relays. */
export function collectionRows<Row extends { readonly relay: string }>(rows: readonly Row[]): Row[] {
  return rows.filter(({ relay }) => isRelayScope(relay))
}
