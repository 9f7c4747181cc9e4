import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const textOf = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

/** The files that a user starts: each one beside the others, and `main.ts` of a folder. */
const examples = readdirSync(new URL('../../examples', import.meta.url), { withFileTypes: true })
  .map((entry) => (entry.isDirectory() ? `${entry.name}/main.ts` : entry.name))
  .filter((path) => existsSync(new URL(`../../examples/${path}`, import.meta.url)))

describe.each(examples)('examples/%s', (path) => {
  const name = path.replace(/(\/main)?\.ts$/, '')

  it('says in its first line what it shows', () => {
    expect(textOf(`examples/${path}`)).toMatch(/^\/\/ [A-Z].{40,}\.\n/)
  })

  it('is run by a test of its name, as a user runs it', () => {
    const test = textOf(`test/examples/${name}.test.ts`)
    expect(test).toMatch(/\b(start|run)Example\(/)
    expect(test).toContain(`'${path}'`)
  })

  it('is found from the README', () => {
    expect(textOf('README.md')).toMatch(path.endsWith('main.ts') ? `npm run ${name}` : `](examples/${path})`)
  })
})

it('there are examples', () => {
  expect(examples).toEqual(expect.arrayContaining(['quickstart.ts', 'demo/main.ts']))
})
