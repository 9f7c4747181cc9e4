import { describe, expect, test } from 'vitest'
import { oneLine, printable } from '../../src/util/text.ts'

describe('printable', () => {
  test.each([
    ['moves no cursor and sets no title', '\u001b[2Ja\u001b]0;b\u0007', '�[2Ja�]0;b�'],
    ['knows the controls of eight bits', 'a\u009b31m\u0085b', 'a�31m�b'],
    ['makes one line of several', ' a\r\n\tb\u2028c\u000b ', 'a b c'],
    ['turns no direction', 'a\u202Eb\u2066c\u200Fd', 'a�b�c�d'],
    ['mends a half character', 'a\ud83d', 'a�'],
    ['leaves what can be shown as it is', 'ü 漢字 🦋', 'ü 漢字 🦋'],
  ])('%s', (_, text, expected) => {
    expect(printable(text)).toBe(expected)
  })
})

describe('oneLine', () => {
  test.each([
    ['leaves out what a database refuses', 'a\u0000b\ud83dc\r\n\td', 'a b c d'],
    ['keeps what only a terminal would obey for printable to mend', 'a\u202eb', 'a\u202eb'],
    ['keeps at most 500 characters', 'x'.repeat(501), `${'x'.repeat(499)}…`],
    ['cuts no character in halves', `${'x'.repeat(498)}🦋xx`, `${'x'.repeat(498)}…`],
  ])('%s', (_, text, expected) => {
    expect(oneLine(text)).toBe(expected)
  })
})
