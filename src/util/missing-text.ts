/** Of so many collections the names are told. */
const MOST_NAMES = 3

/** What is said of collections that the index does not know any more and that are read again. */
export function missingText(collections: readonly string[]): string {
  const { length } = collections
  const what = length === 1 ? 'collection that was imported is' : 'collections that were imported are'
  const names = collections.slice(0, MOST_NAMES).join(', ')
  return `${length} ${what} missing from the index and read again: ${names}${length > MOST_NAMES ? ' and others' : ''}`
}
