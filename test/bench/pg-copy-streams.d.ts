// The package brings no types: what of it is used here.
declare module 'pg-copy-streams' {
  import type { Writable } from 'node:stream'
  import type { Submittable } from 'pg'

  /** A stream into `copy … from stdin`, to be given to a client's `query`. */
  export function from(sql: string): Writable & Submittable
}
