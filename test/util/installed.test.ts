import { expect, it } from 'vitest'
import { BackfillError } from '../../src/errors.ts'
import { installed } from '../../src/util/installed.ts'

const failure = (message: string, code = 'ERR_MODULE_NOT_FOUND') =>
  Object.assign(new Error(message), { code })
const load = (error: unknown) => installed('openThing', ['thing', 'kysely'], () => Promise.reject(error))

it.each([
  ['Node', "Cannot find package 'kysely' imported from /app/dist/index.js"],
  ['Bun', "Cannot find package 'kysely' from '/app/dist/index.js'"],
  ['Deno', 'Import "kysely" not a dependency and not in import map from "file:///app/dist/index.js"'],
])('says what to install when %s does not find a package', async (_, message) => {
  const cause = failure(message)
  await expect(load(cause)).rejects.toThrow(BackfillError)
  await expect(load(cause)).rejects.toMatchObject({
    code: 'NOT_INSTALLED',
    retryable: false,
    message: 'openThing needs the package kysely, which is not installed: npm install thing kysely',
    cause,
  })
})

it.each([
  failure("Cannot find module '/app/dist/lost.js' imported from /app/dist/index.js"),
  failure("Cannot find package 'of-the-driver' imported from /app/node_modules/thing/index.js"),
  failure("The requested module 'kysely' does not provide an export", 'ERR_OTHER'),
  new SyntaxError('in kysely'),
])('leaves every other failure as it is: %s', async (error) => {
  await expect(load(error)).rejects.toBe(error)
})

it('gives the module', async () => {
  expect(await installed('openThing', ['thing'], async () => ({ thing: 1 }))).toEqual({ thing: 1 })
})
