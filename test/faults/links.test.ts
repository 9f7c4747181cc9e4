import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'

const table = await readFile(new URL('./README.md', import.meta.url), 'utf8')
/** The rows by their number, each with its links. */
const rows = table.split('\n').flatMap((line) => {
  const [, number] = /^\| (\d+) \|/.exec(line) ?? []
  if (number === undefined) return []
  const links = Array.from(line.matchAll(/\[([^\]]+)\]\(([^)]+)\)/g), ([, name = '', file = '']) => ({
    name,
    file,
  }))
  return [{ number: Number(number), links }]
})

/** The names of a file's tests and of their groups, as they stand in it. */
function namesIn(source: string): string[] {
  const calls = source.matchAll(/\b(?:describe|it|test)\b[\s\S]{0,400}?\(\s*(?:'([^'\n]+)'|"([^"\n]+)"),/g)
  return Array.from(calls, ([, single, double]) => single ?? double ?? '')
}

describe('the table of faults', () => {
  it('has each of them once, in order', () => {
    const numbers = rows.map(({ number }) => number)
    expect(numbers).toEqual(Array.from({ length: 48 }, (_, i) => i + 1))
  })

  it.each(rows)('says in row $number which test holds it', async ({ links }) => {
    expect(links.length).toBeGreaterThan(0)
    for (const { name, file } of links) {
      const source = await readFile(new URL(file, import.meta.url), 'utf8')
      expect(namesIn(source)).toContain(name)
    }
  })
})
