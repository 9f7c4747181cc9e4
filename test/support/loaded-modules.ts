/**
 * Loaded before a program: tells at its end on the error output which packages and files of src it loaded, a line for
 * each. A preload of Node sees neither what is built in nor what was loaded before it.
 */
import { registerHooks } from 'node:module'

const loaded = new Set<string>()

registerHooks({
  load(url, context, next) {
    const [, name] = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\/|\/(src\/.*)$/.exec(url)?.filter(Boolean) ?? []
    if (name !== undefined) loaded.add(name)
    return next(url, context)
  },
})

process.on('exit', () => process.stderr.write(`${[...loaded].join('\n')}\n`))
