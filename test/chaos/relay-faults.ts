import type { PagedContents } from '../../src/testing/contents.ts'
import type { Fault, RelayRequest } from '../../src/testing/index.ts'
import type { Random } from './random.ts'
import { PROFILE } from './work.ts'

/** How long a worker waits for an answer, in milliseconds. */
export const REQUEST_TIMEOUT_MS = 700

/** What may go wrong with one request for a page. */
export interface FaultKind {
  readonly name: string
  /** How often it comes, relative to the others. */
  readonly weight: number
  /** Nothing where this request cannot have it. */
  make(request: PageRequest, contents: PagedContents, random: Random): Fault | undefined
}

export interface PageRequest extends RelayRequest {
  readonly collection: string
  readonly offset: number
}

const retryAfter = (seconds: number) => ({ 'retry-after': String(seconds) })

export const FAULT_KINDS: readonly FaultKind[] = [
  {
    name: '429, Retry-After',
    weight: 1,
    make: (_, __, random) => ({ status: 429, headers: retryAfter(random.pick([0, 1, 2])) }),
  },
  { name: '429', weight: 1, make: () => ({ status: 429 }) },
  { name: '503', weight: 1, make: () => ({ status: 503 }) },
  { name: '500', weight: 3, make: () => ({ status: 500 }) },
  {
    name: '502 with HTML',
    weight: 1,
    make: () => ({ status: 502, headers: { 'content-type': 'text/html' }, body: '<h1>Bad Gateway</h1>' }),
  },
  {
    name: '200 with HTML',
    weight: 1,
    make: () => ({ status: 200, headers: { 'content-type': 'text/html' }, body: '<p>One moment</p>' }),
  },
  { name: 'half of the JSON', weight: 2, make: () => ({ answer: halfOfTheJson }) },
  { name: 'truncated page', weight: 3, make: () => ({ cut: 'in-body' }) },
  {
    name: 'connection cut',
    weight: 3,
    make: (_, __, random) => ({ cut: random.pick(['before-headers', 'in-headers']) }),
  },
  {
    name: 'late answer',
    weight: 2,
    make: (_, __, random) => ({ delayMs: random.between(0.2, 0.7) * REQUEST_TIMEOUT_MS }),
  },
  { name: 'no answer', weight: 1, make: (_, __, random) => ({ stall: random.pick(['headers', 'body']) }) },
  { name: 'same cursor', weight: 2, make: sameCursor },
  { name: 'previous page', weight: 2, make: previousPage },
  { name: 'short page', weight: 3, make: shortPage },
  { name: 'empty page', weight: 4, make: emptyPage },
  { name: 'wrong entries', weight: 3, make: () => ({ answer: withWrongEntries }) },
]

function halfOfTheJson(page: unknown): string {
  const text = JSON.stringify(page)
  return text.slice(0, text.length >> 1)
}

function sameCursor({ cursor }: PageRequest): Fault | undefined {
  return cursor === undefined ? undefined : { answer: (page) => ({ ...page, cursor }) }
}

function previousPage(
  { collection, offset, limit }: PageRequest,
  contents: PagedContents,
): Fault | undefined {
  const length = Math.min(offset, limit)
  return length === 0 ? undefined : { answer: () => contents.page(collection, offset - length, length) }
}

function shortPage({ collection, offset }: PageRequest, contents: PagedContents, random: Random): Fault {
  const part = random.between(0, 1)
  return {
    answer(page) {
      const length = Math.ceil(page.repos.length * part)
      if (length === page.repos.length) return page
      return { repos: page.repos.slice(0, length), cursor: contents.cursorAt(collection, offset + length) }
    },
  }
}

/** Only where the list begins: further on, an empty page that loses nothing would repeat its cursor. */
function emptyPage({ collection, cursor }: PageRequest, contents: PagedContents): Fault | undefined {
  if (cursor !== undefined || collection === PROFILE) return undefined
  return { answer: () => ({ repos: [], cursor: contents.cursorAt(collection, 0) }) }
}

function withWrongEntries(page: { repos: readonly unknown[] }): unknown {
  if (page.repos.length === 0) return page
  return { ...page, repos: [{ did: 'did:plc:' }, ...page.repos, { did: 'a\0b' }, null, 'did:web:a.example'] }
}
