/** What a pair takes on disk, with its key, in bytes: measured in test/bench, at five and more million pairs. */
export const BYTES_PER_PAIR = { postgres: 145, sqlite: 27 } as const
