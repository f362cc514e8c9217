// Questions that can wait are asked a few at a time, so that those that cannot are answered soon.
const MOST = 3

let running = 0
const waiting: (() => void)[] = []

/** Asks when it is this question's turn. */
export async function inTurn<Data>(ask: () => Promise<Data>): Promise<Data> {
  if (running >= MOST) await new Promise<void>((resolve) => waiting.push(resolve))
  running++
  try {
    return await ask()
  } finally {
    running--
    waiting.shift()?.()
  }
}
