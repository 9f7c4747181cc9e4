import { existsSync, readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import type { CollectionProgress } from 'atproto-collection-backfill'
import type { Network } from './network.ts'

/** Deletes a database folder, and nothing else: a wrong --data must not cost anybody their files. */
export async function deleteDatabase(folder: string): Promise<void> {
  if (!existsSync(folder)) return
  const files = readdirSync(folder)
  if (files.length > 0 && !files.includes('PG_VERSION')) {
    throw new Error(`--fresh deletes databases only, and ${folder} is none.`)
  }
  await rm(folder, { recursive: true })
}

/** An index that was filled from another relay, or from one of another size, could not equal this one. */
export function assertSameNetwork(
  rows: readonly CollectionProgress[],
  source: string,
  { sizes }: Network,
): void {
  const foreign = rows.find((row) => row.source !== source)
  if (foreign !== undefined) throw new Error(`The folder was filled from ${foreign.source}. ${WAYS_OUT}`)
  const isOther = rows.some(({ collection, estimatedRepos }) => sizes[collection] !== estimatedRepos)
  if (isOther) throw new Error(`The folder was filled from a network of another size. ${WAYS_OUT}`)
}

const WAYS_OUT = 'Delete it with --fresh, choose another one with --data, or give the same options as before.'
