import { existsSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { anchorsOf, complaintsOf, fencesOf, linksOf, relativeLinksOf } from '../support/compile.ts'
import { pages, programsOf, readme } from './shown-code.ts'
import { declarations, ENTRY_FILES } from './tables.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const declared = declarations()
const exported = declared.exports('index.ts')

describe('the README', () => {
  it('has at most 200 lines', () => {
    expect(readme.text.trimEnd().split('\n').length).toBeLessThanOrEqual(200)
  })

  it('shows a program first, in at most nine lines that every supported Node parses', () => {
    const [program = ''] = programsOf(readme, exported)
    expect(program.trimEnd().split('\n').length).toBeLessThanOrEqual(9)
    expect(program).not.toMatch(/\busing\b/)
  })
})

describe.each(pages)('$path', ({ text }) => {
  it('has the title that its file promises, once for the site and once for its reader', () => {
    const [, title, heading] = /^---\ntitle: (.+)\n---\n\n# (.+)\n/.exec(text) ?? []
    expect(title).toBeDefined()
    expect(heading).toBe(title)
  })
})

it.each([readme, ...pages])('$path leads to files that exist', ({ path, text }) => {
  const links = relativeLinksOf(text)
  expect(links.filter((link) => !existsSync(`${root}${dirname(path)}/${link}`))).toEqual([])
})

it.each([readme, ...pages])('$path leads to headings that exist', ({ path, text }) => {
  const wrong = linksOf(text).filter((link) => {
    const [file = '', anchor] = link.split('#')
    if (anchor === undefined || (file !== '' && !file.endsWith('.md'))) return false
    const target = file === '' ? text : readFileSync(`${root}${dirname(path)}/${file}`, 'utf8')
    return !anchorsOf(target).includes(anchor)
  })
  expect(wrong).toEqual([])
})

it('README and pages have only blocks that are tested, and pictures of a terminal', () => {
  const fences = [readme, ...pages].flatMap(({ path, text }) =>
    fencesOf(text).map((fence) => ({ path, ...fence })),
  )
  expect(fences.length).toBeGreaterThan(60)
  // Code and commands run in tests. A text is a picture, or a statement for a database that is not there.
  const known = ['ts', 'sql', 'sh', 'text']
  expect(fences.filter(({ language }) => !known.includes(language))).toEqual([])
  const isText = ({ code }: { code: string }) => !/\b(?:import|const|npx|npm)\b/.test(code)
  expect(fences.filter(({ language }) => language === 'text').filter((fence) => !isText(fence))).toEqual([])
})

it('README and pages show code that compiles', () => {
  const programs = [readme, ...pages].flatMap((shown) =>
    programsOf(shown, exported).map((code) => ({ path: shown.path, code })),
  )
  expect(programs.length).toBeGreaterThan(15)
  const wrong = "import { noSuchName } from 'atproto-collection-backfill'\n"
  const complaints = complaintsOf([...programs.map(({ code }) => code), wrong])
  expect(complaints.pop(), 'what this check says of a wrong one').toHaveLength(1)
  const found = complaints.map((complaint, i) => ({ path: programs[i]?.path, complaint }))
  expect(found.filter(({ complaint }) => complaint.length > 0)).toEqual([])
})

it('README and pages name what there is: contracts with their methods, errors, types', () => {
  const names = new Set(ENTRY_FILES.flatMap((file) => declared.exports(file).map(({ name }) => name)))
  const isThere = (span: string) => {
    const [name = '', member] = span.split('.')
    if (member === undefined) return names.has(name) || name in globalThis
    return declared.members('index.ts', name).some((each) => each.name === member)
  }
  // `ProgressStore.advance`, `StoreUnavailableError`: what begins with a capital letter and goes on in small ones.
  const spans = [readme, ...pages].flatMap(({ text }) => [
    ...text.matchAll(/`([A-Z][a-z]+[A-Z]\w+(?:\.\w+)?)`/g),
  ])
  expect(spans.length).toBeGreaterThan(20)
  expect(spans.map(([, span = '']) => span).filter((span) => !isThere(span))).toEqual([])
})

it('all pages are part of the site, in the order of the links of the README', () => {
  const { projectDocuments } = JSON.parse(readFileSync(`${root}typedoc.json`, 'utf8'))
  expect(projectDocuments).toEqual(expect.arrayContaining(pages.map(({ path }) => path)))
  const [, links = ''] = readme.text.split('## Links')
  const linked = relativeLinksOf(links).filter((path) => projectDocuments.includes(path))
  expect(linked).toEqual(projectDocuments)
})
