import { appendFile, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openComparisonCsv } from '../../src/cli/comparison-csv.ts'
import { UsageError } from '../../src/cli/usage-error.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const HEADER = 'time,collection,relay,listed,only,all,union,error'
const NOW = new Date('2026-01-02T03:04:05Z')

/** Opens it, adds what one relay lists of a collection, and tells what the file holds then. */
async function added(file: string): Promise<string> {
  const csv = await openComparisonCsv(file, ['relay.test'], NOW)
  const side = { relay: 'relay.test', listed: 2, only: 0, samples: [] }
  await csv.add({
    collection: 'com.example.a',
    compared: { relays: [side], all: 2, union: 2 },
    durationMs: 1,
  })
  return readFile(file, 'utf8')
}

const LINE = '2026-01-02T03:04:05.000Z,com.example.a,relay.test,2,0,2,2,\n'

describe('a CSV of comparisons', () => {
  test.each([
    ['new', undefined, `${HEADER}\n${LINE}`],
    ['empty', '', `${HEADER}\n${LINE}`],
    ['of an earlier comparison', `${HEADER}\n${LINE}`, `${HEADER}\n${LINE}${LINE}`],
    ['with the line ends of Windows', `${HEADER}\r\n`, `${HEADER}\r\n${LINE}`],
    ['with its header alone, cut short', HEADER, `${HEADER}\n${LINE}`],
    ['with a line that was cut short', `${HEADER}\n2026-01`, `${HEADER}\n2026-01\n${LINE}`],
  ])('%s is added to', async (_, before, after) => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'relays.csv')
    if (before !== undefined) await writeFile(file, before)
    expect(await added(file)).toBe(after)
  })

  test.each([
    ['has another header', 'did,collection\n'],
    ['has one column more', `${HEADER},more\n`],
    ['has a header that goes on', `${HEADER}s\n`],
  ])('one that %s is refused, and stays as it is', async (_, text) => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'relays.csv')
    await writeFile(file, text)
    await expect(openComparisonCsv(file, ['relay.test'])).rejects.toThrow('--csv adds to a file that begins')
    expect(await readFile(file, 'utf8')).toBe(text)
  })

  test('one that is larger than the memory is added to, since only its ends are read', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'relays.csv')
    await writeFile(file, `${HEADER}\n`)
    // A hole, which takes no room on the disk.
    await truncate(file, 5_000_000_000)
    await appendFile(file, '\n')
    await expect(openComparisonCsv(file, ['relay.test'])).resolves.toBeDefined()
  })

  test('one that cannot be written is wrong usage, and its name is told', async () => {
    await using folder = await temporaryFolder()
    for (const file of [join(folder.path, 'no', 'relays.csv'), folder.path]) {
      const refusal = await openComparisonCsv(file, ['relay.test']).catch((error: unknown) => error)
      expect(refusal).toBeInstanceOf(UsageError)
      expect(String(refusal)).toContain(`${file} cannot be written`)
    }
  })
})
