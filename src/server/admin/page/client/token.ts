import { byId, setHidden, setText } from './dom.ts'

/** The token of this tab: asked for once, and gone when the tab is closed. */
export interface TokenKeeper {
  get(): string | undefined
  /** Asks for a token, with the reason why the last one was not enough. */
  ask(reason?: string): void
  forget(): void
}

/** For a page that is served to who may watch without one. */
export const NO_TOKEN: TokenKeeper = { get: () => '', ask: () => {}, forget: () => {} }

const KEY = 'collection-backfill:token'

export function createTokenKeeper(onToken: () => void): TokenKeeper {
  const dialog = byId('token-dialog', HTMLDialogElement)
  const form = byId('token-form', HTMLFormElement)
  const field = byId('token', HTMLInputElement)
  const complaint = byId('token-error', HTMLElement)
  const reopen = byId('enter-token', HTMLButtonElement)

  const get = () => sessionStorage.getItem(KEY) ?? undefined
  const ask = (reason = '') => {
    setText(complaint, reason)
    field.setAttribute('aria-invalid', String(reason !== ''))
    field.value = ''
    if (!dialog.open) dialog.showModal()
    field.focus()
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const token = field.value.trim()
    // A header holds no other characters: what cannot be sent is refused here.
    if (!/^[\x21-\x7e]+$/.test(token))
      return ask('This cannot be a token: it has other characters than a token has.')
    sessionStorage.setItem(KEY, token)
    field.value = ''
    dialog.close()
    onToken()
  })
  dialog.addEventListener('close', () => setHidden(reopen, get() !== undefined))
  reopen.addEventListener('click', () => ask())

  return {
    get,
    ask,
    forget: () => sessionStorage.removeItem(KEY),
  }
}
