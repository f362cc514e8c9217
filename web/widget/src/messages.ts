// What the two halves of the widget say to each other, over a port that only they hold. Both check what comes against this; what is unknown is ignored.

/** The version that the first message names: another half of another version is not talked to. */
export const VERSION = 1
/** The longest message, in characters of its JSON. */
const MAX_MESSAGE = 8192
/** How tall the frame may ask to be, in pixels. */
const MAX_HEIGHT = 4000
const MAX_WORD = 200

/** The frame says that it is there, to the page that the server named. */
export interface Ready {
  vitrine: typeof VERSION
  ready: true
  /** The element's own, so that another frame of the same shop is not taken for this one. */
  nonce: string
}

/** From the element to its frame. */
export interface Init {
  kind: 'init'
  theme: 'light' | 'dark'
}

/** From the frame to its element. */
export type Said =
  | { kind: 'size'; height: number }
  | { kind: 'state'; state: string }
  | { kind: 'paid'; orderId: string; total: string }
  | { kind: 'closed' }
  | { kind: 'failed'; code: string }

type Fields = Record<string, unknown>

const isWord = (value: unknown): value is string => typeof value === 'string' && value.length <= MAX_WORD

function fields(data: unknown): Fields | null {
  if (typeof data !== 'object' || data === null) return null
  try {
    return JSON.stringify(data).length <= MAX_MESSAGE ? (data as Fields) : null
  } catch {
    return null
  }
}

export function readReady(data: unknown): Ready | null {
  const read = fields(data)
  return read?.vitrine === VERSION && read.ready === true && isWord(read.nonce) ? (read as unknown as Ready) : null
}

export function readInit(data: unknown): Init | null {
  const read = fields(data)
  const isTheme = read?.theme === 'light' || read?.theme === 'dark'
  return read?.kind === 'init' && isTheme ? (read as unknown as Init) : null
}

export function readSaid(data: unknown): Said | null {
  const read = fields(data)
  switch (read?.kind) {
    case 'size':
      return typeof read.height === 'number' && read.height > 0 && read.height <= MAX_HEIGHT ? (read as Said) : null
    case 'state':
      return isWord(read.state) ? (read as Said) : null
    case 'paid':
      return isWord(read.orderId) && isWord(read.total) ? (read as Said) : null
    case 'closed':
      return { kind: 'closed' }
    case 'failed':
      return isWord(read.code) ? (read as Said) : null
    default:
      return null
  }
}
