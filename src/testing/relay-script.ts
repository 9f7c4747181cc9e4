import type { ListReposPage } from './contents.ts'

/** One request that a test relay received. */
export interface RelayRequest {
  /** Which request it was of all, from 1. */
  readonly n: number
  readonly method: string
  /** `/xrpc/com.atproto.sync.listReposByCollection`, `/llms.txt`, or whatever else was asked. */
  readonly path: string
  readonly collection: string | undefined
  /** As the relay understood it, after the URL was decoded. */
  readonly cursor: string | undefined
  /** The page size in force: the default when none was sent, never over the relay's maximum. */
  readonly limit: number
  /**
   * How many repos of the collection come before the page. `undefined` when it is not a request for a page or has a
   * cursor that cannot be decoded; outside of 0 to the size when the cursor belongs to another collection.
   */
  readonly offset: number | undefined
  /** How often the same was asked so far (path, collection, cursor), this time included. */
  readonly attempt: number
  /** When it arrived, in milliseconds of `performance.now()`. */
  readonly at: number
  /** With names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
}

interface Delayable {
  /** How long to wait before anything is sent, in milliseconds, on top of the relay's latency. @default 0 */
  delayMs?: number | undefined
}

/** The answer comes late. */
export interface DelayFault extends Delayable {
  delayMs: number
}

/** Another answer in place of the genuine one: an error, a redirect, another server's page. */
export interface StatusFault extends Delayable {
  status: number
  /** Added to `content-type: application/json`, or in its place. */
  headers?: Readonly<Record<string, string>> | undefined
  /** A string is sent as it is, everything else as JSON. @default an XRPC error named after the status */
  body?: unknown
}

/** The genuine page, altered: a repeated cursor, the previous page again, entries that are no DID. */
export interface AnswerFault extends Delayable {
  /**
   * Receives the genuine page, an empty one where there is none (a cursor of the script's own).
   *
   * @returns what is sent, with status 200: a string as it is, everything else as JSON
   */
  answer: (page: ListReposPage) => unknown
}

/** The connection breaks: before the answer begins, inside its head, or after half of the promised body. */
export interface CutFault extends Delayable {
  cut: 'before-headers' | 'in-headers' | 'in-body'
}

/** Nothing comes any more, and the connection stays open: from the start, or after half of the promised body. */
export interface StallFault extends Delayable {
  stall: 'headers' | 'body'
}

/** The body comes slowly. */
export interface DripFault extends Delayable {
  /** Bytes per second. */
  drip: number
}

/** A page without end, sent as fast as it is read. */
export interface EndlessFault extends Delayable {
  endless: true
  /** Compressed some three hundred times: a small download that fills any memory. @default false */
  gzip?: boolean | undefined
}

/** What goes wrong with one request. One kind at a time; each may be delayed. */
export type Fault = DelayFault | StatusFault | AnswerFault | CutFault | StallFault | DripFault | EndlessFault

/**
 * Asked for every request, before it is answered; `undefined` lets the genuine answer through. A promise parks the
 * request until it is settled. A script that throws answers 500, and its error comes out where the relay is closed.
 */
export type RelayScript = (request: RelayRequest) => Fault | undefined | Promise<Fault | undefined>
