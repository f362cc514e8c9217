// Signing in, and signing up.
import type { ReactNode } from 'react'
import { address, usePage } from '../page'
import { Button, Field, FormMessage, Sheet } from '../parts/controls'
import styles from './sign.module.css'

/** Where someone goes on after this: only a path of this shop's. */
function useNext(): string | undefined {
  const page = usePage()
  return page.form?.values.next ?? page.query.next
}

export function SignIn() {
  const page = usePage()
  const next = useNext()
  return (
    <Frame title="Good to see you">
      <form method="post" action={address(page, '/sign-in')} className={styles.form}>
        <FormMessage />
        {next && <input type="hidden" name="next" value={next} />}
        <Field name="email" label="E-mail" type="email" autoComplete="username" required maxLength={254} />
        <Field name="password" label="Password" type="password" autoComplete="current-password" required maxLength={128} />
        <Button>Sign in</Button>
      </form>
      <p className={styles.other}>
        New here? <a href={address(page, '/sign-up', { next })}>Make an account</a>. What is in your cart comes along.
      </p>
    </Frame>
  )
}

export function SignUp() {
  const page = usePage()
  const next = useNext()
  return (
    <Frame title="Make an account">
      <form method="post" action={address(page, '/sign-up')} className={styles.form}>
        <FormMessage />
        {next && <input type="hidden" name="next" value={next} />}
        <Field name="displayName" label="What shall we call you?" autoComplete="name" required maxLength={100} />
        <Field name="email" label="E-mail" type="email" autoComplete="username" required maxLength={254} />
        <Field
          name="password"
          label="Password"
          type="password"
          autoComplete="new-password"
          hint="Ten characters or more"
          minLength={10}
          maxLength={128}
          required
        />
        <Button>Make an account</Button>
      </form>
      <p className={styles.other}>
        Been here before? <a href={address(page, '/sign-in', { next })}>Sign in</a>
      </p>
    </Frame>
  )
}

function Frame({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div className={styles.frame}>
      <Sheet>
        <h1>{title}</h1>
        {children}
      </Sheet>
    </div>
  )
}
