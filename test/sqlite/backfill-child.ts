/**
 * A process that backfills into a file of SQLite: `node backfill-child.ts RELAY FILE KILL_AT COLLECTION…`. It kills itself
 * at its KILL_AT-th call that writes, whatever that is in the middle of; at none for 0.
 */
import { createBackfiller } from '../../src/index.ts'
import { openTuned } from '../../src/sqlite/open-sqlite.ts'
import { loadDriver } from '../../src/sqlite/sqlite-driver.ts'

const [relay = '', file = '', killAt = '0', ...collections] = process.argv.slice(2)

const connect = await loadDriver()
let calls = 0
const count = () => {
  calls += 1
  if (calls === Number(killAt)) process.kill(process.pid, 'SIGKILL')
}
const store = await openTuned(
  file,
  {},
  {
    creates: true,
    mergeAt: 300,
    connect(path, mode) {
      const connection = connect(path, mode)
      if (mode === 'read') return connection
      return {
        ...connection,
        exec(sql) {
          count()
          connection.exec(sql)
        },
        run(sql, ...parameters) {
          count()
          return connection.run(sql, ...parameters)
        },
      }
    },
  },
)
await createBackfiller({ relay, store, collections, leaseMs: 500, concurrency: 2, onEvent() {} }).run()
await store.close()
