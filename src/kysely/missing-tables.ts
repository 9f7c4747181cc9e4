/** Thrown where tables must be there already, and are not. In a file that loads no Kysely, for an `instanceof`. */
export class MissingTables extends Error {
  override readonly name = 'MissingTables'
}
