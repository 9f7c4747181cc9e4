import type { IndexPageRequest } from '../contracts/repo-index.ts'
import { wholeNumber } from './validate-options.ts'

/** What a relay's page is taken to hold before a full one came: the lexicon's maximum, and what a lister asks for. */
export const ASSUMED_PAGE_SIZE = 2_000

const DEFAULT_LIMIT = 500
const MAX_LIMIT = 10_000

/** @throws InvalidOptionError for a limit that is none */
export function pageLimit({ limit = DEFAULT_LIMIT }: IndexPageRequest): number {
  return wholeNumber('limit', limit, 1, MAX_LIMIT)
}
