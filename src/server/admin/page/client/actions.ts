import { printable } from '../../../../util/text.ts'
import type { Api } from './api.ts'
import { byId, element, setHidden, setText } from './dom.ts'
import type { Model } from './model.ts'

/** Does what a button says, once at a time, and tells when it did not work. */
export type Act = (button: HTMLButtonElement, action: () => Promise<void>) => void

/** @param onError is told of every failure */
export function createAct(onError: (error: unknown) => void): Act {
  return (button, action) => {
    if (button.ariaBusy === 'true') return
    // Not disabled: a button that is disabled loses the focus.
    button.ariaBusy = 'true'
    const label = button.textContent
    setText(button, button.dataset.busy ?? label)
    action()
      .catch(onError)
      .finally(() => {
        button.ariaBusy = 'false'
        setText(button, label)
      })
  }
}

export interface Controls {
  draw(model: Model): void
  complain(message: string): void
}

/** Start and stop. */
export function createControls(api: Api, act: Act): Controls {
  const form = byId('start-form', HTMLFormElement)
  const relay = byId('relay', HTMLInputElement)
  const start = byId('start', HTMLButtonElement)
  const stop = byId('stop', HTMLButtonElement)
  const complaint = byId('complaint', HTMLElement)
  let known = ''

  const complain = (message: string) => {
    setHidden(complaint, message === '')
    setText(complaint, printable(message))
  }
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    complain('')
    act(start, () => api.start(relay.value.trim()))
  })
  stop.addEventListener('click', () => {
    complain('')
    act(stop, () => api.stop())
  })

  return {
    complain,
    draw({ totals }) {
      if (totals === undefined) return
      // The focus goes from the button that was pressed to the one that takes its place.
      const hadFocus = form.contains(document.activeElement) || document.activeElement === stop
      const isSame = form.hidden === totals.running
      setHidden(form, totals.running)
      setHidden(stop, !totals.running)
      if (hadFocus && !isSame) (totals.running ? stop : relay).focus()
      const relays = [...new Set([totals.relay, ...(totals.sources ?? [])])].filter((host) => host !== null)
      if (relays.join() === known) return
      known = relays.join()
      if (relay.value === '') relay.value = relays[0] ?? ''
      byId('relays', HTMLDataListElement).replaceChildren(
        ...relays.map((host) => element('option', { value: host })),
      )
    },
  }
}
