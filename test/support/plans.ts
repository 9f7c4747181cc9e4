import { Kysely, type KyselyConfig, PostgresDialect, sql } from 'kysely'
import type pg from 'pg'
import type { BackfillDatabase } from '../../src/kysely/schema.ts'
import type { TestKysely } from './databases.ts'
import { openPool } from './pool.ts'

/** A step of a plan, as `explain (format json)` has it. */
export interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  /** Per loop. */
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Shared Hit Blocks': number
  readonly 'Shared Read Blocks': number
  readonly Plans?: readonly PlanNode[]
}

export interface Plan {
  readonly nodes: readonly PlanNode[]
  /** The blocks that were read, wherever from. */
  readonly blocks: number
  /** Each step that reads the table or an index of it, as `Index Only Scan collection_index_pair_pkey`. */
  on(table: string): string[]
  /** The rows that came from the table, over all loops. */
  rowsOf(table: string): number
}

/** A Kysely that remembers what it was told, and its statements explained. */
export interface Explaining extends AsyncDisposable {
  readonly db: TestKysely
  /** Runs it, and then each of its statements once more to see how it was done; what that changed is rolled back. */
  plansOf(run: () => Promise<unknown>): Promise<Plan[]>
}

export function explaining(url: string): Explaining {
  const pool = openPool({ connectionString: url })
  const told: { sql: string; parameters: readonly unknown[] }[] = []
  const log: KyselyConfig['log'] = ({ query }) => {
    told.push({ sql: query.sql, parameters: query.parameters })
  }
  const db: TestKysely = new Kysely<BackfillDatabase>({ dialect: new PostgresDialect({ pool }), log })
  return {
    db,
    async plansOf(run) {
      told.length = 0
      await run()
      const plans: Plan[] = []
      for (const { sql: text, parameters } of [...told]) plans.push(await explain(pool, text, parameters))
      return plans
    },
    [Symbol.asyncDispose]: () => db.destroy(),
  }
}

async function explain(pool: pg.Pool, text: string, parameters: readonly unknown[]): Promise<Plan> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const { rows } = await client.query(`explain (analyze, buffers, format json) ${text}`, [...parameters])
    const root: PlanNode = rows[0]['QUERY PLAN'][0].Plan
    const nodes = flatten(root)
    const names = await indexNames(client)
    const isOn = (node: PlanNode, table: string) =>
      node['Relation Name'] === table || names.get(node['Index Name'] ?? '') === table
    // A delete names the table too, and reads nothing itself.
    const scans = nodes.filter((node) => node['Node Type'].includes('Scan'))
    return {
      nodes,
      blocks: root['Shared Hit Blocks'] + root['Shared Read Blocks'],
      on: (table) =>
        scans
          .filter((node) => isOn(node, table))
          .map((node) => `${node['Node Type']} ${node['Index Name'] ?? ''}`.trim()),
      rowsOf: (table) =>
        scans
          .filter((node) => isOn(node, table))
          .reduce((sum, node) => sum + node['Actual Rows'] * node['Actual Loops'], 0),
    }
  } finally {
    await client.query('rollback')
    client.release()
  }
}

function flatten(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(flatten)]
}

/** The table of each index. A bitmap's index scan names no table. */
async function indexNames(client: pg.PoolClient): Promise<Map<string, string>> {
  const { rows } = await client.query('select indexname, tablename from pg_indexes')
  return new Map(rows.map(({ indexname, tablename }) => [indexname, tablename]))
}

/**
 * Fills an index that is empty with many pairs, fast: the key is made afterwards. Each collection gets as many repos as it
 * is told, and the planner is told nothing.
 */
export async function fill(db: TestKysely, collections: Readonly<Record<string, number>>): Promise<void> {
  const nsids = Object.keys(collections)
  const sizes = Object.values(collections)
  await sql`alter table collection_index_pair set (autovacuum_enabled = false)`.execute(db)
  // Planned like every other, and written once instead of twice.
  await sql`alter table collection_index_pair set unlogged`.execute(db)
  await sql`alter table collection_index_pair drop constraint collection_index_pair_pkey`.execute(db)
  await sql`insert into collection_index_nsid (nsid) select unnest(${nsids}::text[])`.execute(db)
  await sql`
    insert into collection_index_pair (collection_id, did)
    select id, ${DID_PREFIX} || md5(n::text)
    from unnest(${nsids}::text[], ${sizes}::integer[]) as given (nsid, size)
    join collection_index_nsid using (nsid)
    cross join lateral generate_series(1, size) as n
  `.execute(db)
  await sql`alter table collection_index_pair add primary key (collection_id, did)`.execute(db)
}

const DID_PREFIX = 'did:example:'
