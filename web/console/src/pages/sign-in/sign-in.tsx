// Signing in: at the provider that the observatory trusts, or with a token.
import { useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { ApiError, send, withParameters } from '../../data/http'
import { type Session, useSession } from '../../data/session'
import { Answer } from '../../parts/answer'
import { Button, Field, Input } from '../../parts/controls'
import { Icon } from '../../parts/icons'
import { Link, navigate, text, useParameters } from '../../router'
import { safeBack } from './back'
import styles from './sign-in.module.css'

const FIELDS = { back: text('/'), error: text() }

export default function SignIn() {
  const [{ back: asked, error }] = useParameters(FIELDS)
  const session = useSession()
  const back = safeBack(asked)
  return (
    <div className={styles.place}>
      <section className={styles.card} aria-labelledby="sign-in">
        <img src="/icon.svg" width="40" height="40" alt="" />
        <h1 id="sign-in">Sign in</h1>
        {error !== '' && <Wrong text={PROVIDER_SAYS[error] ?? 'The provider did not sign you in. Try again.'} />}
        <Answer reading={Object.assign(session, { request: null })} what="how one signs in">
          {(found) => (found.user !== null ? <Already session={found} back={back} /> : <Ways session={found} back={back} />)}
        </Answer>
      </section>
    </div>
  )
}

/** What a provider may answer, by OAuth 2.0, section 4.1.2.1. */
const PROVIDER_SAYS: Record<string, string> = {
  access_denied: 'You were not signed in: the provider was told no, or your account has no right to look at this observatory.',
  temporarily_unavailable: 'The provider cannot sign anyone in now. Try again in a moment.',
  server_error: 'Something went wrong at the provider. Try again in a moment.',
  expired: 'That took too long, and the attempt to sign in is over. Try again.',
}

const Wrong = ({ text }: { text: string }) => (
  <p className={styles.wrong} role="alert">
    <Icon name="error" />
    {text}
  </p>
)

function Already({ session, back }: { session: Session; back: string }) {
  return (
    <div className={styles.ways}>
      <p>
        {session.isOpen ? 'Nobody needs to sign in here.' : `You are signed in as ${session.user?.name.slice(0, 80)}, with the rights of ${ROLES[session.user?.role ?? 'viewer']}.`}
      </p>
      <Link to={back} className={styles.go}>
        Go on
      </Link>
      {session.isOpen && session.ways.provider !== null && <ByProvider name={session.ways.provider} back={back} />}
    </div>
  )
}

/** Leads to a page of the server, which leads to the provider: no page of the console. */
const ByProvider = ({ name, back }: { name: string; back: string }) => (
  <a className={styles.go} href={withParameters('/console/sign-in/oidc', { back })}>
    Sign in with {name}
  </a>
)

const ROLES = { viewer: 'someone who looks', operator: 'an operator', admin: 'an administrator' }

function Ways({ session: { ways }, back }: { session: Session; back: string }) {
  return (
    <div className={styles.ways}>
      {ways.provider !== null && <ByProvider name={ways.provider} back={back} />}
      {ways.provider !== null && ways.token && <p className={styles.or}>or</p>}
      {ways.token && <WithToken back={back} isMain={ways.provider === null} />}
      {ways.provider === null && !ways.token && (
        <>
          <Wrong text="This observatory lets nobody in: it has neither tokens nor a provider." />
          <p className="muted">
            Whoever runs it can add a token to the setting <code>observatory.tokens</code>, or name a provider.
          </p>
        </>
      )}
    </div>
  )
}

function WithToken({ back, isMain }: { back: string; isMain: boolean }) {
  const client = useQueryClient()
  const [token, setToken] = useState('')
  const [isShown, setShown] = useState(false)
  const [isSending, setSending] = useState(false)
  const [wrong, setWrong] = useState<string | null>(null)
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    if (isSending) return
    setSending(true)
    setWrong(null)
    try {
      await send({ method: 'POST', path: '/console/sign-in', body: { token: token.trim() } })
      await client.invalidateQueries({ queryKey: ['session'] })
      navigate(back, { replace: true })
    } catch (error) {
      setWrong(saidOf(error))
      setSending(false)
    }
  }
  return (
    <form className={styles.form} onSubmit={(event) => void submit(event)}>
      <Field label="Token" hint="One that whoever runs the observatory gave you. It is sent once, and not kept in this browser.">
        <Input type={isShown ? 'text' : 'password'} name="token" value={token} onChange={(event) => setToken(event.target.value)} autoComplete="current-password" spellCheck={false} aria-invalid={wrong !== null} required autoFocus={isMain} />
      </Field>
      <label className={styles.show}>
        <input type="checkbox" checked={isShown} onChange={(event) => setShown(event.target.checked)} /> Show it
      </label>
      {wrong !== null && <Wrong text={wrong} />}
      <Button type="submit" kind={isMain ? 'main' : undefined} disabled={isSending || token.trim() === ''}>
        {isSending ? 'Signing in …' : 'Sign in'}
      </Button>
    </form>
  )
}

function saidOf(error: unknown): string {
  if (!(error instanceof ApiError)) return 'That did not work. Try again.'
  if (error.status === 401) return 'This token is not known here. Has it been copied whole?'
  if (error.status === 403) return 'This token may not look at the observatory: it is for sending only.'
  if (error.status === 429) return 'Too many tried to sign in. Wait a minute, and try again.'
  return error.message
}
