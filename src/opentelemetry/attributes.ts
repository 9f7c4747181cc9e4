import type { Attributes } from '@opentelemetry/api'
import { BackfillError, RelayError } from '../errors.ts'

/** The names of attributes, beside `error.type` and `http.response.status_code` of the semantic conventions. */
export const ATTRIBUTE = {
  relay: 'atproto.backfill.relay',
  collection: 'atproto.backfill.collection',
  state: 'atproto.backfill.collection.state',
  flag: 'atproto.backfill.collection.flag',
  atLeast: 'atproto.backfill.time_left.at_least',
  waitReason: 'atproto.backfill.wait.reason',
  failureKind: 'atproto.backfill.failure.kind',
  walkOutcome: 'atproto.backfill.walk.outcome',
  pages: 'atproto.backfill.walk.pages',
  imported: 'atproto.backfill.walk.imported',
  added: 'atproto.backfill.walk.added',
  resumed: 'atproto.backfill.walk.resumed',
  attempt: 'atproto.backfill.attempt',
  waitSeconds: 'atproto.backfill.wait.seconds',
} as const

/**
 * What an error is counted as: one of this library's codes, and the status of an answer where there was one. Errors of
 * other origin have names and codes without a bound, so they are `_OTHER`, as the conventions call it.
 */
export function errorAttributes(error: unknown): Attributes {
  const status = error instanceof RelayError ? error.status : undefined
  return {
    'error.type': error instanceof BackfillError ? error.code : '_OTHER',
    ...(status === undefined ? {} : { 'http.response.status_code': status }),
  }
}
