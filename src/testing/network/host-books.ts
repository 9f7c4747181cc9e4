import type { HostRequest } from './network-options.ts'

/** What a host, or a group of them, was asked. */
export interface HostBook {
  /** How many requests came. */
  readonly requests: number
  /** How many of them were over the host's limit, and answered 429. */
  readonly refused: number
  /** How many requests came for each path; the paths of DID documents as one, `/did:plc:…`. */
  readonly paths: Readonly<Record<string, number>>
  /** When each of them came, in milliseconds of `performance.now()`. */
  readonly times: readonly number[]
  /** The most requests that came within a span of time of `ms` milliseconds, wherever it begins. */
  busiest(ms: number): number
}

/** The books of all hosts. */
export interface HostBooks {
  note(request: HostRequest, isRefused: boolean): void
  /** The book of a host. */
  ofHost(host: string): HostBook
  /** The book of all hosts of a group together. */
  ofGroup(group: string): HostBook
}

interface Book extends HostBook {
  requests: number
  refused: number
  readonly paths: Record<string, number>
  readonly times: number[]
}

export function createBooks(): HostBooks {
  const hosts = new Map<string, Book>()
  const groups = new Map<string, Book>()
  return {
    note({ host, group, path, at }, isRefused) {
      for (const book of [bookOf(hosts, host), bookOf(groups, group)]) {
        const kind = path.startsWith('/did:') ? '/did:plc:…' : path
        book.requests += 1
        if (isRefused) book.refused += 1
        book.paths[kind] = (book.paths[kind] ?? 0) + 1
        book.times.push(at)
      }
    },
    ofHost: (host) => hosts.get(host) ?? emptyBook(),
    ofGroup: (group) => groups.get(group) ?? emptyBook(),
  }
}

function bookOf(books: Map<string, Book>, name: string): Book {
  const book = books.get(name) ?? emptyBook()
  books.set(name, book)
  return book
}

function emptyBook(): Book {
  const times: number[] = []
  return { requests: 0, refused: 0, paths: {}, times, busiest: (ms) => busiest(times, ms) }
}

function busiest(times: readonly number[], ms: number): number {
  let most = 0
  let first = 0
  for (const [i, time] of times.entries()) {
    while (time - (times[first] ?? time) >= ms) first += 1
    most = Math.max(most, i - first + 1)
  }
  return most
}
