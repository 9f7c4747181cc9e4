import type { TestProject } from 'vitest/node'
import { startPostgresServer } from './postgres-server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A Postgres whose user may create databases. */
    postgresUrl: string
  }
}

/** One real Postgres for a whole project of tests: the one of TEST_DATABASE_URL, or one that is started here. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env.TEST_DATABASE_URL
  if (given) {
    project.provide('postgresUrl', given)
    return async () => {}
  }
  const server = await startPostgresServer({ max_connections: '300' }).catch((error: unknown) => {
    throw new Error('Set TEST_DATABASE_URL to use another Postgres.', { cause: error })
  })
  project.provide('postgresUrl', server.url)
  return async () => server[Symbol.asyncDispose]()
}
