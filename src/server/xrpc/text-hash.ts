/** Two numbers of 32 bits that depend on each character; quick, and no protection against one who looks for a second text. */
export function textHash(text: string): readonly [number, number] {
  let first = 0x811c9dc5
  let second = 0x9e3779b9
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i)
    first = Math.imul(first ^ code, 0x01000193)
    second = Math.imul(second ^ code, 0x85ebca6b)
  }
  return [first >>> 0, second >>> 0]
}

/** The same as one number that is safe to compute with. */
export function numberHash(text: string): number {
  const [first, second] = textHash(text)
  return first * 2 ** 21 + (second >>> 11)
}
