// What react-dom asks of its surroundings and the server's engine does not have. Nothing here can wait or reach anything.
interface Surroundings {
  TextEncoder?: unknown
  console?: unknown
  setTimeout?: unknown
}
const surroundings = globalThis as Surroundings

surroundings.TextEncoder ??= class {
  encode(text: string): Uint8Array {
    return Uint8Array.from(unescape(encodeURIComponent(text)), (character) => character.charCodeAt(0))
  }
}
const ignore = () => {}
surroundings.console ??= { log: ignore, info: ignore, warn: ignore, error: ignore, debug: ignore }
surroundings.setTimeout ??= () => {
  throw new Error('a page cannot wait for a time')
}
