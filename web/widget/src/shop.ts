// Asks the shop, as a guest or a customer. Nothing here rests on a cookie: within another site's page browsers keep none for us. Tokens are in
// memory, and a guest's secret is where only this frame, within this site, finds it again.
const TIMEOUT_MS = 20_000
/** How long a token must still be good, in milliseconds, or it is changed before it is used. */
const REFRESH_EARLY_MS = 30_000

interface Session {
  accessToken: string
  refreshToken: string
  expiresInS: number
}

export interface InputError {
  message: string
  field: string | null
}

/** Something that the customer can do something about, in words; `field` says where. */
export class Refused extends Error {
  readonly field: string | null
  /** Whether the shop has answered; if not, nobody knows yet whether it was done. */
  readonly isAnswer: boolean
  constructor({ message, field }: { message: string; field?: string | null }, isAnswer = false) {
    super(sentence(message))
    this.isAnswer = isAnswer
    // `address.postalCode` is the field `postalCode` of a form.
    this.field = field?.split('.').pop() ?? null
  }
}

/** Who was signed in is no more. */
export class SignedOut extends Refused {
  constructor() {
    super({ message: 'you were signed out meanwhile: sign in again, nothing is lost' })
  }
}

export class Shop {
  readonly #place: string
  #session: (Session & { endsMs: number }) | null = null

  /** `place` names what is sold where: each has a guest's cart of its own, so that what was begun elsewhere is not bought here. */
  constructor(place: string) {
    this.#place = `vitrine:${place}`
  }

  get isSignedIn(): boolean {
    return this.#session !== null
  }

  /** Returns the data of an answer; fails with what a person can read. */
  async ask<Data>(document: string, variables: Record<string, unknown> = {}): Promise<Data> {
    if (this.#session !== null && Date.now() + REFRESH_EARLY_MS > this.#session.endsMs) await this.#refresh(this.#session)
    return this.#send(document, variables, this.#session?.accessToken)
  }

  async #send<Data>(document: string, variables: Record<string, unknown>, token?: string): Promise<Data> {
    const headers: Record<string, string> = { 'content-type': 'application/json' }
    const guest = this.guest
    if (token) headers.authorization = `Bearer ${token}`
    else if (guest) headers['vitrine-guest'] = guest
    let answer: { data?: Data; errors?: { extensions?: { code?: string } }[]; code?: string }
    try {
      const body = JSON.stringify({ query: document, variables })
      const response = await fetch('/graphql', { method: 'POST', headers, body, credentials: 'omit', signal: AbortSignal.timeout(TIMEOUT_MS) })
      answer = await response.json()
    } catch {
      throw new Refused({ message: 'the shop cannot be reached just now: try again, nothing is bought twice' })
    }
    const code = answer.errors?.[0]?.extensions?.code ?? answer.code
    if (code === 'INVALID_TOKEN' || code === 'TOKEN_REQUIRED') {
      this.#session = null
      throw new SignedOut()
    }
    if (code === 'INVALID_GUEST') this.guest = null
    if (code === 'RATE_LIMITED') throw new Refused({ message: 'that was a bit fast: try again in a moment' })
    if (!answer.data) throw new Refused({ message: 'something went wrong in the shop: try again, nothing is bought twice' })
    return answer.data
  }

  async #refresh(session: Session) {
    const { refreshSession } = await this.#send<{ refreshSession: { session: Session | null } }>(
      'mutation Refresh($token: String!) { refreshSession(input: {refreshToken: $token}) { session { accessToken refreshToken expiresInS } } }',
      { token: session.refreshToken },
    )
    this.#keep(refreshSession.session)
    if (refreshSession.session === null) throw new SignedOut()
  }

  #keep(session: Session | null) {
    this.#session = session && { ...session, endsMs: Date.now() + session.expiresInS * 1000 }
  }

  /** Signs in; what a guest had in the cart comes along. */
  async signIn(email: string, password: string) {
    const { signIn } = await this.#send<{ signIn: { session: Session | null; errors: InputError[] } }>(
      `mutation SignIn($email: String!, $password: String!) { signIn(input: {email: $email, password: $password}) {
        session { accessToken refreshToken expiresInS } errors { message field } } }`,
      { email, password },
    )
    refuse(signIn.errors)
    this.#keep(signIn.session)
    const guest = this.guest
    if (guest === null) return
    await this.ask('mutation Merge($guest: ID!) { mergeCart(input: {guest: $guest}) { errors { message } } }', { guest })
    this.guest = null
  }

  /** A guest's secret, kept for as long as the tab. */
  get guest(): string | null {
    try {
      return sessionStorage.getItem(this.#place)
    } catch {
      return this.#guest
    }
  }

  set guest(secret: string | null) {
    this.#guest = secret
    try {
      if (secret === null) sessionStorage.removeItem(this.#place)
      else sessionStorage.setItem(this.#place, secret)
    } catch {
      // A browser that keeps nothing here keeps it in memory.
    }
  }

  #guest: string | null = null
}

/** Fails with the first of what the shop has against an input. */
export function refuse(errors: InputError[]) {
  const [first] = errors
  if (first) throw new Refused(first)
}

function sentence(message: string): string {
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}${/[.!?]$/.test(message) ? '' : '.'}`
}
