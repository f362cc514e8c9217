// Which of the eight colours a name has: the same everywhere, and always.

const COLOURS = 8

function hash(name: string): number {
  let value = 0x811c9dc5
  for (let place = 0; place < name.length; place++) value = Math.imul(value ^ name.charCodeAt(place), 0x01000193)
  return (value ^ (value >>> 15)) >>> 0
}

/** Returns the number of a name's colour, 1 to 8. */
const colourNumber = (name: string): number => (hash(name) % COLOURS) + 1

/** Returns a name's colour for styles. */
export const colourOf = (name: string): string => `var(--series-${colourNumber(name)})`

/** Returns the colour of the nth line of a chart, for styles. */
export const colourAt = (place: number): string => `var(--series-${(place % COLOURS) + 1})`

/** Returns what a custom property is now, as canvas wants it. */
export function resolved(colour: string, of: Element = document.documentElement): string {
  const name = /^var\((--[\w-]+)\)$/.exec(colour)?.[1]
  if (name === undefined) return colour
  const probe = document.createElement('span')
  probe.style.color = colour
  of.append(probe)
  const value = getComputedStyle(probe).color
  probe.remove()
  return value
}
