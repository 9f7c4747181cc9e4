import type { TestProject } from 'vitest/node'
import { startPostgresServer } from './postgres-server.ts'
import { temporaryFolder } from './temporary-folder.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A Postgres whose user may create databases. */
    postgresUrl: string
    /** A folder that the test files of a run share. */
    scratch: string
  }
}

/** One real Postgres for a whole project of tests: the one of TEST_DATABASE_URL, or one that is started here. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await using opened = new AsyncDisposableStack()
  const scratch = opened.use(await temporaryFolder())
  project.provide('scratch', scratch.path)
  const postgresUrl = process.env.TEST_DATABASE_URL || opened.use(await startOurs()).url
  project.provide('postgresUrl', postgresUrl)
  const whole = opened.move()
  return () => whole.disposeAsync()
}

function startOurs() {
  return startPostgresServer({ max_connections: '300' }).catch((error: unknown) => {
    throw new Error('Set TEST_DATABASE_URL to use another Postgres.', { cause: error })
  })
}
