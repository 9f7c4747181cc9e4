/** Loaded before an example: its package name leads to the sources, so that no build has to be there and in step. */
import { registerHooks } from 'node:module'

const PACKAGE = 'atproto-collection-backfill'
const ENTRIES: Record<string, string> = {
  [PACKAGE]: 'index.ts',
  [`${PACKAGE}/kysely`]: 'kysely/index.ts',
  [`${PACKAGE}/server`]: 'server/index.ts',
  [`${PACKAGE}/live`]: 'live/index.ts',
  [`${PACKAGE}/opentelemetry`]: 'opentelemetry/index.ts',
  [`${PACKAGE}/testing`]: 'testing/index.ts',
  [`${PACKAGE}/sqlite`]: 'sqlite/index.ts',
  [`${PACKAGE}/postgres`]: 'postgres/index.ts',
  // The command line as it is built, which an example starts as a process of its own.
  [new URL('../../dist/cli/main.js', import.meta.url).href]: 'cli/main.ts',
}

registerHooks({
  resolve(specifier, context, nextResolve) {
    const entry = ENTRIES[specifier]
    if (entry === undefined) return nextResolve(specifier, context)
    return { url: new URL(`../../src/${entry}`, import.meta.url).href, shortCircuit: true }
  },
})
