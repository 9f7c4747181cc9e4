import { inject } from 'vitest'
import { createPostgres } from '../support/databases.ts'
import { startPostgresServer } from '../support/postgres-server.ts'
import { proveOn } from './prove.ts'

proveOn(
  ['14', '15', '16', '17', '18'].map((major) => ({
    database: `PostgreSQL ${major}`,
    says: `${major} UTF8 c`,
    async open(opened) {
      const programs = inject('postgresPrograms')[major]
      const server = opened.use(await startPostgresServer({}, programs))
      return opened.use(await createPostgres(server.url)).url
    },
  })),
)
