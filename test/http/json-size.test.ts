import { describe, expect, it } from 'vitest'
import { hasTooManyValues, MOST_VALUES } from '../../src/http/json-size.ts'

/** A list of so many values beside itself. */
const listOf = (values: number, value: string) => `[${Array(values).fill(value).join(',')}]`

describe('hasTooManyValues', () => {
  it.each(['0', '""', '" "', 'null'])('counts each %s', (value) => {
    expect(hasTooManyValues(listOf(MOST_VALUES, value))).toBe(false)
    expect(hasTooManyValues(listOf(MOST_VALUES + 1, value))).toBe(true)
  })

  it.each(['{}', '[]', '{"a":1}'])('counts each %s, and that it begins one', (value) => {
    expect(hasTooManyValues(listOf(MOST_VALUES / 2, value))).toBe(false)
    expect(hasTooManyValues(listOf(MOST_VALUES / 2 + 1, value))).toBe(true)
  })

  it.each(['{', '['])('counts each %s of what is nested, closed or not', (open) => {
    expect(hasTooManyValues(open.repeat(MOST_VALUES))).toBe(false)
    expect(hasTooManyValues(open.repeat(MOST_VALUES + 1))).toBe(true)
  })

  it.each([
    ['commas and brackets', ',[{'],
    ['quotes', '\\",'],
    ['backslashes before its end', ',\\\\'],
    ['both', ',\\\\\\",'],
  ])('counts nothing of a string with %s', (_, piece) => {
    const text = piece.repeat(MOST_VALUES)
    expect(hasTooManyValues(`{"a":"${text}","b":[0]}`)).toBe(false)
    // Without an end, too: it is no JSON, which its reader says.
    expect(hasTooManyValues(`{"a":"${text}`)).toBe(false)
    expect(hasTooManyValues(`{"a":"${text}","b":${listOf(MOST_VALUES, '0')}}`)).toBe(true)
  })
})
