/** Loaded before a program: it is killed when PGlite, which makes a database in a folder, writes the last of its files. */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

const { openSync, writeFileSync } = fs
const killAt = (path: unknown) => {
  if (String(path).endsWith('PG_VERSION')) process.kill(process.pid, 'SIGKILL')
}
fs.openSync = (...args) => {
  killAt(args[0])
  return openSync(...args)
}
fs.writeFileSync = (...args) => {
  killAt(args[0])
  writeFileSync(...args)
}
syncBuiltinESMExports()
