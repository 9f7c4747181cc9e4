// The module itself is made of client/ by make-page.ts, for the build and for every run of the tests.

/** The whole page. */
export const HTML: string
/** Of its only style sheet and its only script, for the content security policy. */
export const STYLE_HASH: string
export const SCRIPT_HASH: string
