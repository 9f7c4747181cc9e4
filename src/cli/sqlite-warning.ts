/**
 * Suppresses the warning that Node prints when its SQLite is loaded: that it is experimental. The user of a command did
 * not choose it. All other warnings are printed.
 */
export function silenceSqliteWarning(): void {
  const { emitWarning } = process
  process.emitWarning = (warning: string | Error, ...rest: never[]) => {
    const text = typeof warning === 'string' ? warning : warning.message
    if (!text.startsWith('SQLite is an experimental feature')) emitWarning.call(process, warning, ...rest)
  }
}
