import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { blocksOf, complaintsOf, relativeLinksOf } from '../support/compile.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const readme = readFileSync(`${root}README.md`, 'utf8')
const blocks = blocksOf(readme, 'ts')
/** What the README's reader has already. */
const given = "import type { Kysely } from 'kysely'\ndeclare const db: Kysely<unknown>\n"

describe('the README', () => {
  it('shows the loop by line 20', () => {
    const line = readme.split('\n').findIndex((text) => text.startsWith('for await')) + 1
    expect(line).toBeGreaterThan(0)
    expect(line).toBeLessThanOrEqual(20)
  })

  it('shows code that compiles', () => {
    const codes = blocks.map((code) => (/\bdb\b/.test(code) ? given + code : code))
    const wrong = "import { noSuchName } from 'atproto-collection-backfill'\n"
    const complaints = complaintsOf([...codes, wrong])
    expect(complaints.pop(), 'what this check says of a wrong one').toHaveLength(1)
    expect(complaints.length).toBeGreaterThan(5)
    expect(complaints).toEqual(codes.map(() => []))
  })

  it('leads to files that exist', () => {
    const links = relativeLinksOf(readme)
    expect(links.length).toBeGreaterThan(2)
    expect(links.filter((path) => !existsSync(root + path))).toEqual([])
  })
})
