import assert from 'node:assert/strict'

/** One promise of a contract, to be run against any implementation by any test runner. */
export interface SuiteCase<Make> {
  /** The promise, in the words of a test. */
  readonly name: string
  /** Makes a fixture for this case alone, closes it afterwards, and rejects when the promise is broken. */
  run(make: Make): Promise<void>
}

/** What every fixture may have. */
export interface SuiteFixture {
  /** Closes whatever `make` has opened. Called after the case, whether it passed or not. */
  [Symbol.asyncDispose]?(): PromiseLike<void>
}

/** How soon "soon" is: a second is what a run may take to stop, and a busy machine gets another. */
const SOON_MS = 2_000

/** A case that gets a fixture and closes it. */
export function fixtureCase<Fixture extends SuiteFixture>(
  name: string,
  run: (fixture: Fixture) => Promise<void>,
): SuiteCase<() => Promise<Fixture>> {
  return {
    name,
    async run(make) {
      await withFixture(await make(), run)
    },
  }
}

/** Runs with a fixture and closes it. */
export async function withFixture<Fixture extends SuiteFixture>(
  fixture: Fixture,
  run: (fixture: Fixture) => Promise<void>,
): Promise<void> {
  try {
    await run(fixture)
  } finally {
    await fixture[Symbol.asyncDispose]?.()
  }
}

/** The promise, or a failed case: whatever is broken, a suite comes to its end. */
export async function soon<T>(promise: Promise<T>, what: string): Promise<T> {
  const late = Promise.withResolvers<never>()
  const message = `${what} takes longer than ${SOON_MS} ms`
  const timer = setTimeout(() => late.reject(new assert.AssertionError({ message })), SOON_MS)
  try {
    return await Promise.race([promise, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** What a promise rejects with, or the case fails. */
export async function rejectionOf(promise: Promise<unknown>, what: string): Promise<unknown> {
  const [outcome] = await Promise.allSettled([promise])
  assert.equal(outcome.status, 'rejected', `${what} must reject`)
  return outcome.status === 'rejected' ? outcome.reason : undefined
}

/** That a promise rejects soon with the caller's own reason: the very same value, not one like it or around it. */
export async function assertAborts(promise: Promise<unknown>, reason: unknown, what: string): Promise<void> {
  const given = await rejectionOf(soon(promise, what), what)
  assert.ok(given === reason, `${what} must reject with the signal's own reason, not with ${String(given)}`)
}
