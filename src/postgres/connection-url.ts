export function isPostgresUrl(value: unknown): value is string {
  return typeof value === 'string' && /^postgres(ql)?:\/\//.test(value)
}

/**
 * A url for a message: without user, password and parameters, and hidden where it cannot be told what is a password.
 */
export function withoutPassword(url: string): string {
  // An @ behind a ? or # belongs to a parameter, or to a password with such a letter in it.
  if (/[?#][\s\S]*@/.test(url)) return '(hidden)'
  const bare = url.replace(/^([a-z]+:\/\/)?[\s\S]*@/i, '$1').replace(/[?#][\s\S]*/, '')
  return bare === '' || URL.canParse(bare) ? bare : '(hidden)'
}
