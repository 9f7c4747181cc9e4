import { existsSync, readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'

/** Deletes a database folder, and nothing else: a wrong --data must not cost anybody their files. */
export async function deleteDatabase(folder: string): Promise<void> {
  if (!existsSync(folder)) return
  const files = readdirSync(folder)
  if (files.length > 0 && !files.includes('PG_VERSION')) {
    throw new Error(`--fresh deletes databases only, and ${folder} is none.`)
  }
  await rm(folder, { recursive: true })
}
