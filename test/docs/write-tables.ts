import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { declarations, withTables } from './tables.ts'

// Renews the tables of the pages from the doc comments: `npm run tables`.
const folder = new URL('../../src/docs/', import.meta.url)
const declared = declarations()
for (const name of readdirSync(folder)) {
  const file = new URL(name, folder)
  const page = readFileSync(file, 'utf8')
  const renewed = withTables(page, declared)
  if (renewed === page) continue
  writeFileSync(file, renewed)
  console.log(`src/docs/${name}`)
}
