/**
 * Loaded before a program: no timer of half a second or more fires in it, so that what ends it is a signal or its work,
 * however fast the machine is.
 */
const LONG_MS = 500
const NEVER_MS = 2 ** 31 - 1
const original = globalThis.setTimeout

function withoutLong(...[work, ms = 0, ...rest]: Parameters<typeof original>): NodeJS.Timeout {
  return original(work, ms < LONG_MS ? ms : NEVER_MS, ...rest)
}

globalThis.setTimeout = Object.assign(withoutLong, original)
