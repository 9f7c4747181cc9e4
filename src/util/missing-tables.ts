/** Thrown where tables must be there already, and are not. */
export class MissingTables extends Error {
  override readonly name = 'MissingTables'
}
