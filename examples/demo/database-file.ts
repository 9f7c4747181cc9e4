import { closeSync, existsSync, openSync, readSync } from 'node:fs'
import { rm } from 'node:fs/promises'

/** Deletes a database of the backfill, and nothing else: a wrong --data must not cost anybody their files. */
export async function deleteDatabase(file: string): Promise<void> {
  if (!existsSync(file)) return
  if (!isDatabase(file)) throw new Error(`--fresh deletes databases of a backfill only, and ${file} is none.`)
  for (const part of ['', '-wal', '-shm']) await rm(`${file}${part}`, { force: true })
}

/** By the header: a file of SQLite, with the number of the program that it belongs to. */
function isDatabase(file: string): boolean {
  const header = Buffer.alloc(100)
  const opened = openSync(file, 'r')
  try {
    readSync(opened, header)
  } catch {
    // A folder.
    return false
  } finally {
    closeSync(opened)
  }
  return (
    header.toString('latin1', 0, 15) === 'SQLite format 3' && header.toString('latin1', 68, 72) === 'aCBf'
  )
}
