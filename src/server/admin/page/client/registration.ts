import { printable } from '../../../../util/text.ts'
import { byId, setHidden, setText } from './dom.ts'

/** Offers to read a collection that was searched for, and that no source has named. */
export interface Registration {
  /** @param shown how many rows the search leaves */
  draw(search: string, shown: number, hasRelay: boolean): void
}

/** As far as it can be told here; the server decides. */
const NSID = /^[a-z][a-z0-9-]*(\.[a-z0-9-]+)+\.[a-z][a-z0-9]*$/i

export function createRegistration(
  onRegister: (collection: string, button: HTMLButtonElement) => void,
): Registration {
  const offer = byId('registration', HTMLElement)
  const button = byId('register', HTMLButtonElement)
  let collection = ''
  button.addEventListener('click', () => onRegister(collection, button))
  return {
    draw(search, shown, hasRelay) {
      const isOffered = shown === 0 && hasRelay && NSID.test(search.trim())
      // The row that it has become takes the place of the button.
      if (!isOffered && document.activeElement === button) byId('search', HTMLElement).focus()
      setHidden(offer, !isOffered)
      if (!isOffered || button.ariaBusy === 'true') return
      collection = search.trim()
      setText(button, `Register ${printable(collection)}`)
    },
  }
}
