import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { nodeComplaint } from '../../src/cli/node-version.ts'

test('a Node that is too old is refused in words, from the version on that package.json names', () => {
  const { engines } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  expect(engines).toEqual({ node: '>=22.12' })
  expect(['18.20.8', '20.20.2', '22.11.0'].map(nodeComplaint)).toEqual(
    ['18.20.8', '20.20.2', '22.11.0'].map((version) => `Node ${version} is too old: use 22.12 or later.`),
  )
  expect(['22.12.0', '24.0.0', '26.1.0', process.versions.node].map(nodeComplaint)).toEqual(
    Array(4).fill(undefined),
  )
})
