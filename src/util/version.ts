/** The version of this package, as in its package.json. */
export const VERSION = '0.1.0'

const NAME = 'atproto-collection-backfill'

/** How this library names itself to servers, so that their operators know whom to ask. */
export const USER_AGENT: string = `${NAME}/${VERSION} (+https://www.npmjs.com/package/${NAME})`
