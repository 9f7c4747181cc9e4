import { printable } from '../../../../util/text.ts'
import type { AdminTotals } from '../../wire-types.ts'
import type { Api } from './api.ts'
import { byId, element, setHidden, setText } from './dom.ts'
import type { Model } from './model.ts'

/** Does what a button says, once at a time, and tells when it did not work. */
export type Act = (button: HTMLButtonElement, action: () => Promise<void>) => void

/**
 * @param mayAct whether there is a server to ask
 * @param onError is told of every failure
 */
export function createAct(mayAct: () => boolean, onError: (error: unknown) => void): Act {
  return (button, action) => {
    if (button.ariaBusy === 'true') return
    if (!mayAct()) return onError(new Error('There is no connection to the server at the moment.'))
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
  const start = byId('start', HTMLButtonElement)
  const stop = byId('stop', HTMLButtonElement)
  const complaint = byId('complaint', HTMLElement)
  const field = createRelayField()

  /** What the overview says that the last run ended with: it need not be said twice. */
  let told = ''
  const complain = (message: string) => {
    const text = printable(message)
    setText(complaint, text === told ? '' : text)
    setHidden(complaint, complaint.textContent === '')
  }
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    complain('')
    act(start, () => api.start(field.value()))
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
      if (hadFocus && !isSame) (totals.running ? stop : start).focus()
      field.offer(totals)
      told = totals.error === null ? '' : printable(totals.error.message)
      if (complaint.textContent === told) complain('')
    },
  }
}

interface RelayField {
  value(): string
  /** What may be chosen: nothing where there is one relay, one of several, or any name. */
  offer(totals: AdminTotals): void
}

function createRelayField(): RelayField {
  const name = byId('relay-name', HTMLLabelElement)
  const text = byId('relay', HTMLInputElement)
  const choice = byId('relay-choice', HTMLSelectElement)
  let known: string | undefined
  let only: string | undefined
  return {
    value: () => only ?? (choice.hidden ? text.value.trim() : choice.value),
    offer({ relay, sources }) {
      const now = JSON.stringify([relay, sources])
      if (now === known) return
      known = now
      only = sources?.length === 1 ? sources[0] : undefined
      setHidden(name, only !== undefined)
      setHidden(text, sources !== null)
      setHidden(choice, sources === null || only !== undefined)
      text.required = sources === null
      name.htmlFor = sources === null ? 'relay' : 'relay-choice'
      if (text.value === '') text.value = relay ?? ''
      const before = choice.value
      choice.replaceChildren(
        ...(sources ?? []).map((host) => element('option', { value: host }, printable(host))),
      )
      choice.value = [before, relay].find((host) => host && sources?.includes(host)) ?? sources?.[0] ?? ''
    },
  }
}
