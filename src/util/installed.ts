import { BackfillError } from '../errors.ts'

/**
 * Loads a module that needs packages which are not installed with this one.
 *
 * @param user what needs the module, for the message
 * @param packages all packages that the module needs, for `npm install`
 * @throws BackfillError with the code `NOT_INSTALLED` when one of the packages is missing
 */
export async function installed<Module>(
  user: string,
  packages: readonly string[],
  load: () => Promise<Module>,
): Promise<Module> {
  try {
    return await load()
  } catch (error) {
    const missing = packages.find((name) => isMissing(error, name))
    if (missing === undefined) throw error
    throw new BackfillError(
      'NOT_INSTALLED',
      `${user} needs the package ${missing}, which is not installed: npm install ${packages.join(' ')}`,
      { cause: error },
    )
  }
}

/**
 * Node, Bun and Deno give the same code and quote the name; a file that is missing in the package itself is another
 * fault.
 */
function isMissing(error: unknown, name: string): boolean {
  if (!(error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')) return false
  return [`'${name}'`, `"${name}"`].some((quoted) => error.message.includes(quoted))
}
