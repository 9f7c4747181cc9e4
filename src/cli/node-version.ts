/** The `engines` of package.json. npm only warns of them, and an older Node fails at whatever it lacks first. */
const OLDEST = [22, 12] as const

/** What to do when this version of Node is too old; undefined when it is not. */
export function nodeComplaint(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [oldestMajor, oldestMinor] = OLDEST
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return undefined
  return `Node ${version} is too old: use ${OLDEST.join('.')} or later.`
}
