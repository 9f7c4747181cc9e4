import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const root = new URL('../../', import.meta.url)
const textOf = (path: string) => readFileSync(new URL(path, root), 'utf8')

/** The files that a user starts: each one beside the others, and `main.ts` of a folder. */
const examples = readdirSync(new URL('examples', root), { withFileTypes: true })
  .map((entry) => (entry.isDirectory() ? `${entry.name}/main.ts` : entry.name))
  .filter((path) => existsSync(new URL(`examples/${path}`, root)))

/** The tests that start examples as processes. */
const tests = readdirSync(new URL('test/examples', root))
  .filter((name) => name.endsWith('.test.ts') && name !== 'all.test.ts')
  .map((name) => textOf(`test/examples/${name}`))
  .filter((text) => /\b(start|run)Example\(/.test(text))

describe.each(examples)('examples/%s', (path) => {
  it('says in its first line what it shows', () => {
    expect(textOf(`examples/${path}`)).toMatch(/^\/\/ [A-Z].{40}/)
  })

  it('is run by a test as a user runs it', () => {
    expect(tests.filter((text) => text.includes(`'${path}'`))).toHaveLength(1)
  })

  it('is found from the README', () => {
    const name = path.replace('/main.ts', '')
    expect(textOf('README.md')).toContain(name === path ? `](examples/${path})` : `npm run ${name}`)
  })
})

it('there are examples', () => {
  expect(examples).toEqual(expect.arrayContaining(['quickstart.ts', 'demo/main.ts']))
})
