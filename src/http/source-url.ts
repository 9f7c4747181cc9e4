import { InvalidOptionError } from '../errors.ts'

/**
 * The address of a list, as its option has it: whole, for it names one document.
 *
 * @throws InvalidOptionError
 */
export function sourceUrl(given: string): URL {
  const url = URL.canParse(given) ? new URL(given) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    throw new InvalidOptionError('url', 'an http or https URL without credentials', url?.host ?? given)
  }
  return url
}
