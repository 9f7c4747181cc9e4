import { describe, expect, test } from 'vitest'
import { fit, widthOf, wrap } from '../../../src/cli/output/terminal-text.ts'

describe('fit', () => {
  test('fills up, or cuts with an ellipsis, to exactly so many columns', () => {
    expect(fit('ab', 4)).toBe('ab  ')
    expect(fit('abcd', 4)).toBe('abcd')
    expect(fit('abcde', 4)).toBe('abc…')
  })

  test.each([4, 5, 6, 7])('counts %i columns where characters take two or none', (width) => {
    for (const text of ['漢字漢字漢字', '👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦', 'e\u0301'.repeat(9)]) {
      expect(widthOf(fit(text, width))).toBe(width)
    }
  })
})

describe('wrap', () => {
  test('breaks between words, and inside of one that is too long', () => {
    expect(wrap('a bc def', 4)).toEqual(['a bc', 'def'])
    expect(wrap('abcdefghi jk', 4)).toEqual(['abcd', 'efgh', 'i jk'])
  })

  test('breaks by columns', () => {
    expect(wrap('漢字漢字', 5)).toEqual(['漢字', '漢字'])
  })

  test('ends where not even one character has room', () => {
    expect(wrap('漢字', 1)).toEqual(['漢', '字'])
  })
})
