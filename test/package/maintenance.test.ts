import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { RUNTIMES } from '../runtimes/runtimes.ts'
import { relativeLinksOf } from '../support/compile.ts'
import { manifestOf, ROOT } from './packed.ts'

const textOf = (path: string) => readFileSync(join(ROOT, path), 'utf8')

/** The kinds of change that Keep a Changelog knows, in its order. */
const KINDS = ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security']

/** What is wrong with the form of a changelog, as Keep a Changelog 1.1.0 has it. */
function faultsOf(changelog: string, version: string): string[] {
  const [head = '', ...sections] = changelog.split(/^## /m)
  const faults: string[] = []
  if (!/^# Changelog\n/.test(head)) faults.push('it begins with "# Changelog"')
  if (!/keepachangelog\.com/.test(head) || !/semver\.org/.test(head))
    faults.push('the head names both standards')
  const titles = sections.map((section) => section.split('\n', 1)[0] ?? '')
  if (titles[0] !== '[Unreleased]') faults.push('the first section is [Unreleased]')
  const releases = titles.slice(1).map((title) => /^\[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2})$/.exec(title))
  if (releases.includes(null)) faults.push('a release is "[X.Y.Z] - YYYY-MM-DD"')
  const dates = releases.map((release) => release?.[2] ?? '')
  if (dates.join() !== dates.toSorted().reverse().join()) faults.push('the newest release comes first')
  if (releases.length > 0 && releases[0]?.[1] !== version) faults.push(`the newest release is ${version}`)
  return [...faults, ...sections.flatMap(faultsOfSection)]
}

function faultsOfSection(section: string): string[] {
  const [title = '', ...parts] = section.split(/^### /m)
  const name = title.split('\n', 1)[0]
  const kinds = parts.map((part) => part.split('\n', 1)[0] ?? '')
  const ranks = kinds.map((kind) => KINDS.indexOf(kind))
  const faults: string[] = []
  if (ranks.some((rank, i) => rank < 0 || rank <= (ranks[i - 1] ?? -1))) {
    faults.push(`${name}: headings are ${KINDS.join(', ')}, each once, in this order`)
  }
  for (const [i, part] of parts.entries()) {
    const lines = part
      .split('\n')
      .slice(1)
      .filter((line) => line !== '' && !line.startsWith('['))
    if (lines.length === 0) faults.push(`${name}: ${kinds[i]} is empty`)
    if (lines.some((line) => !/^(?:- \S| {2}\S)/.test(line))) faults.push(`${name}: ${kinds[i]} is a list`)
  }
  return faults
}

describe('CHANGELOG.md', () => {
  it('has the form of Keep a Changelog', async () => {
    const { version } = await manifestOf(ROOT)
    expect(faultsOf(textOf('CHANGELOG.md'), version)).toEqual([])
  })

  it.each([
    ['a release without a date', (text: string) => `${text}\n## [0.0.1]\n\n### Added\n\n- One\n`],
    ['a heading of its own', (text: string) => text.replace('### Added', '### News')],
    ['an empty part', (text: string) => text.replace('### Added\n', '### Added\n\n### Changed\n')],
    ['prose', (text: string) => text.replace(/^- /m, '')],
  ])('this check can fail: %s', async (_, spoil) => {
    const { version } = await manifestOf(ROOT)
    expect(faultsOf(spoil(textOf('CHANGELOG.md')), version)).not.toEqual([])
  })
})

describe('what CI and the maintainers run', () => {
  const workflows = readdirSync(join(ROOT, '.github/workflows')).map((file) => `.github/workflows/${file}`)
  const files = ['.ci/run', '.github/CONTRIBUTING.md', '.github/SECURITY.md', ...workflows]

  it('is there: each npm script that they name', async () => {
    const { scripts = {} } = await manifestOf(ROOT)
    const named = files.flatMap((file) =>
      [...textOf(file).matchAll(/npm run ([a-z]+)/g)].map(([, script]) => script ?? ''),
    )
    expect(named.length).toBeGreaterThan(10)
    expect(named.filter((script) => !(script in scripts))).toEqual([])
  })

  it('is each step of the check: CONTRIBUTING.md lists them', async () => {
    const { scripts = {} } = await manifestOf(ROOT)
    const steps = [...(scripts.check ?? '').matchAll(/npm run (\w+)/g)].map(([, step]) => step ?? '')
    const [, table = ''] =
      /step of `npm run check`.*\n\|[-|]+\n((?:\|.*\n)+)/.exec(textOf('.github/CONTRIBUTING.md')) ?? []
    const listed = table
      .split('\n')
      .flatMap((row) => [...(row.split(' | ', 1)[0] ?? '').matchAll(/`(\w+)`/g)])
    expect(steps.length).toBeGreaterThan(5)
    expect(listed.map(([, step]) => step)).toEqual(steps)
  })

  it('is one runtime for each that is supported', () => {
    const [, matrix = ''] = /runtime: \[(.+)\]/.exec(textOf('.github/workflows/check.yml')) ?? []
    expect(matrix.split(', ')).toEqual([...RUNTIMES, 'chromium'])
  })

  it('leads nowhere in vain: links of the documents for maintainers', () => {
    for (const file of ['.github/CONTRIBUTING.md', '.github/SECURITY.md']) {
      const links = relativeLinksOf(textOf(file))
      expect(links.length).toBeGreaterThan(0)
      expect(
        links.filter((path) => !existsSync(join(ROOT, '.github', path))),
        file,
      ).toEqual([])
    }
  })
})
