import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { commands, complaintOf } from '../support/command-line.ts'
import { blocksOf } from '../support/compile.ts'
import { pages, readme, type Shown } from './shown-code.ts'

const PROGRAM = 'atproto-collection-backfill'
const root = new URL('../../', import.meta.url)
const filesIn = (folder: string): Shown[] =>
  readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(?:yaml|service|timer)$|Dockerfile$/.test(name))
    .map((name) => ({ path: folder + name, text: readFileSync(new URL(folder + name, root), 'utf8') }))
const changelog: Shown = { path: 'CHANGELOG.md', text: readFileSync(new URL('CHANGELOG.md', root), 'utf8') }

/** The words of a line as a shell has them, without what it redirects and without a comment. */
function wordsOf(line: string): string[] {
  const words = line.replace(/ #.*| [<>|].*/g, '').matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)
  return [...words].map(([, single, double, plain]) => single ?? double ?? plain ?? '')
}

/** The command lines of a document: its shell blocks, and what stands in a sentence with a value for each placeholder. */
function commandLinesOf({ text }: Shown): string[] {
  const inBlocks = blocksOf(text, 'sh').flatMap((block) => block.replaceAll('\\\n', ' ').split('\n'))
  const inSentences = [...text.matchAll(/`([^`\n]+)`/g)]
    .map(([, span = '']) => span)
    .filter((span) => span.includes(' '))
    .map((span) =>
      commands.has(span.split(' ')[0] ?? '') && span.includes(' --') ? `${PROGRAM} ${span}` : span,
    )
    .map((span) => span.replaceAll('NSID', 'com.example.record').replace(/…/g, ''))
  return [...inBlocks, ...inSentences]
    .map((line) => line.trim().replace(/^npx /, ''))
    .filter((line) => line.startsWith(`${PROGRAM} `))
}

const complaintsIn = (shown: Shown) =>
  commandLinesOf(shown).flatMap((line) => {
    const complaint = complaintOf(wordsOf(line).slice(1), { RELAY: 'relay.example' })
    return complaint === undefined ? [] : [`${line}: ${complaint}`]
  })

/** Options of other programs. */
const OTHERS = ['--disable-warning', '--max-old-space-size', '--csv-out']
const flags = new Set([...commands.values()].flatMap((command) => command.flags).concat('--help', OTHERS))
const variables = new Set([...commands.values()].flatMap((command) => command.variables))

describe.each([readme, ...pages, changelog, ...filesIn('examples/deploy/')])('$path', (shown) => {
  it('shows commands that the command line takes', () => {
    expect(complaintsIn(shown)).toEqual([])
  })

  it('names options and variables that there are', () => {
    const named = [...shown.text.matchAll(/`[^`\n]*`/g)].flatMap(
      ([span]) => span.match(/(?<=[ `])--[a-z][\w-]+/g) ?? [],
    )
    expect(named.filter((flag) => !flags.has(flag))).toEqual([])
    expect((shown.text.match(/\bBACKFILL_\w+/g) ?? []).filter((name) => !variables.has(name))).toEqual([])
  })
})

it('the documents show many commands, and this check finds a wrong one', () => {
  expect([readme, ...pages].flatMap(commandLinesOf).length).toBeGreaterThan(30)
  const wrong = [
    `${PROGRAM} rnu --relay relay.example`,
    `${PROGRAM} run --relays a.b`,
    `${PROGRAM} status extra`,
  ]
  for (const line of wrong) {
    expect(complaintsIn({ path: '', text: `\`\`\`sh\nnpx ${line}\n\`\`\`\n` }), line).toHaveLength(1)
    expect(complaintsIn({ path: '', text: `Say \`${line}\`.` }), line).toHaveLength(1)
  }
})
