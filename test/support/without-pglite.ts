/** Loaded before a program: PGlite is looked for where nothing is installed, as on a machine without it. */
import { registerHooks } from 'node:module'

registerHooks({
  resolve(specifier, context, nextResolve) {
    if (specifier !== '@electric-sql/pglite') return nextResolve(specifier, context)
    return nextResolve(specifier, { ...context, parentURL: 'file:///nothing/is/here.js' })
  },
})
