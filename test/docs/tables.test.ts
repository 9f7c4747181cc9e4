import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { declarations, ENTRY_FILES, withTables } from './tables.ts'

const folder = new URL('../../src/docs/', import.meta.url)
const pages = readdirSync(folder).map((name) => ({ name, text: readFileSync(new URL(name, folder), 'utf8') }))
const declared = declarations()

it.each(ENTRY_FILES)('%s: each exported name has a comment of its own', (file) => {
  // TypeDoc is content with the comment of what an interface extends.
  expect(declared.exports(file).filter(({ comment }) => comment === '')).toEqual([])
})

describe('the tables of the pages', () => {
  it.each(pages)('$name: are those of the doc comments, as `npm run tables` writes them', ({ text }) => {
    expect(withTables(text, declared)).toBe(text)
  })

  it('are many, and a change by hand is found', () => {
    const marked = pages.flatMap(({ text }) => [...text.matchAll(/<!-- table: /g)])
    expect(marked.length).toBeGreaterThan(8)
    const text = pages.find(({ name }) => name === 'options.md')?.text ?? ''
    const spoilt = text.replaceAll(/(<!-- table: .+ -->\n\n.+\n.+\n\| `)/g, '$1other')
    expect(spoilt).not.toBe(text)
    expect(withTables(spoilt, declared)).toBe(text)
  })

  it('are refused where they ask for a name that is not exported', () => {
    const page = '<!-- table: options NoSuchOptions -->\n<!-- end of table -->'
    expect(() => withTables(page, declared)).toThrow('No entry point exports NoSuchOptions.')
  })
})
