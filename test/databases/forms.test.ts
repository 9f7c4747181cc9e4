import { createPostgres } from '../support/databases.ts'
import { startPgBouncer } from '../support/pgbouncer.ts'
import { type DatabaseKind, proveOn } from './prove.ts'

const made =
  (form: string): DatabaseKind['open'] =>
  async (opened) =>
    opened.use(await createPostgres(undefined, `template template0 lc_collate 'C' lc_ctype 'C' ${form}`)).url

const behind =
  (settings: Readonly<Record<string, string>>): DatabaseKind['open'] =>
  async (opened) => {
    const { url } = opened.use(await createPostgres())
    return opened.use(await startPgBouncer(url, settings)).through(url)
  }

proveOn([
  {
    database: 'a LATIN1 database',
    says: '18 LATIN1 c',
    open: made(`encoding 'LATIN1'`),
    refuses: { name: 'keeps a cursor letter by letter', words: 'has no equivalent in encoding "LATIN1"' },
  },
  { database: 'a SQL_ASCII database', says: '18 SQL_ASCII c', open: made(`encoding 'SQL_ASCII'`) },
  {
    // It holds a capital letter for its small one, and 2 for less than 10.
    database: 'an ICU collation',
    says: '18 UTF8 i',
    open: made(`encoding 'UTF8' locale_provider icu icu_locale 'und-u-kn-ks-level2'`),
  },
  { database: 'PgBouncer, which refuses startup parameters', says: '18 UTF8 c', open: behind({}) },
  {
    database: 'PgBouncer, which drops them',
    says: '18 UTF8 c',
    open: behind({ ignore_startup_parameters: 'statement_timeout, lock_timeout, extra_float_digits' }),
  },
])
