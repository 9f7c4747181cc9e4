import type { RepoIndex } from '../../contracts/repo-index.ts'
import { readReturningCursor, returningCursor } from '../../util/returning-cursor.ts'
import { invalidRequest, type PlainAnswer, single } from '../responses.ts'
import { cursorFor, readCursor } from './collection-cursor.ts'
import { type RepoList, repoListOf } from './repo-lists.ts'
import type { ReturningPlace, returningReaders } from './returning-readers.ts'
import { reposAnswer } from './xrpc-answers.ts'

/** What the method's lexicon says of `limit`, but for the maximum, which is 2,000 there. */
const LIMIT = { min: 1, default: 500 }

export interface ReposParts {
  readonly index: RepoIndex
  readonly maxLimit: number
  readonly severalCollections: boolean
  /** Pages for readers who come back; absent where no feed tells what is new. */
  readonly returning: ReturnType<typeof returningReaders> | undefined
}

/** `com.atproto.sync.listReposByCollection`, as its lexicon has it. */
export async function listReposByCollection(
  params: URLSearchParams,
  signal: AbortSignal,
  { index, maxLimit, severalCollections, returning }: ReposParts,
): Promise<PlainAnswer> {
  const list = repoListOf(params.getAll('collection'), index, severalCollections)
  const limit = limitOf(single(params, 'limit'), Math.min(LIMIT.default, maxLimit), maxLimit)
  const cursor = cursorOf(single(params, 'cursor'), list)
  const isPlain = typeof cursor === 'string' || list.collections.length === 0
  if (returning === undefined || isPlain) {
    const { json, cursor: next } = await list.page({ cursor: plainOf(cursor), limit, signal })
    return reposAnswer(json, next === undefined ? undefined : cursorFor(list.name, next))
  }
  const { json, next } = await returning({ list, from: cursor, limit, signal })
  return reposAnswer(json, next && textOf(next, list))
}

/** @throws XrpcError */
export function limitOf(given: string | undefined, usual: number, max: number): number {
  if (given === undefined) return usual
  const limit = /^\d+$/.test(given) ? Number(given) : Number.NaN
  if (limit >= LIMIT.min && limit <= max) return limit
  throw invalidRequest(`limit must be a whole number from ${LIMIT.min} to ${max}`)
}

type Cursor = string | ReturningPlace | undefined

/** Some clients send an empty cursor with their first request. */
function cursorOf(given: string | undefined, { name }: RepoList): Cursor {
  if (given === undefined || given === '') return undefined
  const returning = readReturningCursor(given)
  const at = readCursor(name, returning?.plain ?? given)
  if (at === undefined) throw invalidRequest('Invalid cursor for this collection')
  if (returning === undefined) return at
  const { kind, begun } = returning
  return { begun, place: kind === 'list' ? { kind, at } : { kind } }
}

/** For a server that follows no feed: what is new cannot be told, so the list begins again. */
function plainOf(cursor: Cursor): string | undefined {
  if (cursor === undefined || typeof cursor === 'string') return cursor
  return cursor.place.kind === 'list' ? cursor.place.at : undefined
}

function textOf({ place, begun }: ReturningPlace, { name }: RepoList): string {
  const at = place.kind === 'list' ? place.at : ''
  return returningCursor({ kind: place.kind, plain: cursorFor(name, at), begun })
}
