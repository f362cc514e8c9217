// What the bank asks whoever pays: a page of its own, which may also stand in a frame.
import { useData } from '@vitrine/kit/src/data'
import { type ReactNode, useState } from 'react'
import { Challenge as ChallengeOperation, type ChallengeData } from '../operations'
import { address, ownPath, usePage } from '../page'
import { Button, ButtonLink, Field, Sheet } from '../parts/controls'
import { Icon } from '../parts/icons'
import styles from './challenge.module.css'

type Asked = NonNullable<ChallengeData['paymentChallenge']>

export function Challenge() {
  const { paymentChallenge: asked } = useData(ChallengeOperation)
  return (
    <main id="content" className={styles.page}>
      <Sheet className={styles.sheet}>{asked === null ? <Unknown /> : asked.state === 'WAITING' ? <Waiting asked={asked} /> : <Over asked={asked} />}</Sheet>
    </main>
  )
}

function Waiting({ asked }: { asked: Asked }) {
  const page = usePage()
  const [isSent, setSent] = useState(false)
  return (
    <>
      <Heading icon="lock">Is it you?</Heading>
      <p>
        Someone is about to pay <b>{asked.amount.text}</b> at Vitrine with your card. Type the six digits that your bank has sent you.
      </p>
      <form method="post" action={address(page, page.path, { next: page.query.next })} onSubmit={() => setSent(true)} className={styles.form}>
        <Field
          name="code"
          label="Code"
          inputMode="numeric"
          autoComplete="one-time-code"
          pattern="[0-9]{6}"
          maxLength={6}
          required
          autoFocus
          hint="This bank is made of glass, too: its code is always 123456."
        />
        <Button disabled={isSent}>{isSent ? 'Asking the bank …' : `Pay ${asked.amount.text}`}</Button>
        <Button quiet name="refuse" value="yes" formNoValidate>
          It was not me: refuse
        </Button>
      </form>
      <p className={styles.small}>
        The bank waits for five minutes, and takes {asked.triesLeft === 1 ? 'one more code' : `${asked.triesLeft} more codes`}. Nothing is bought before.
      </p>
    </>
  )
}

const ENDS: Record<Exclude<Asked['state'], 'WAITING'>, [title: string, text: string]> = {
  PASSED: ['Thank you', 'The bank has let the payment through, and your order is on its way to us.'],
  REFUSED: ['It was refused', 'Nothing was bought, and nothing was taken from the card. Your cart is still there.'],
  FAILED: ['That was one code too many', 'The bank has refused the payment. Nothing was bought, and your cart is still there.'],
  EXPIRED: ['The bank has stopped waiting', 'Nothing was bought, and nothing was taken from the card. Your cart is still there.'],
}

function Over({ asked }: { asked: Asked }) {
  const page = usePage()
  const [title, text] = ENDS[asked.state as keyof typeof ENDS]
  const isPassed = asked.state === 'PASSED'
  const next = ownPath(page.query.next)
  return (
    <>
      <Heading icon={isPassed ? 'check' : 'close'}>{title}</Heading>
      <p role="status">{text}</p>
      {next && <p>{isPassed ? <ButtonLink href={next}>See your order</ButtonLink> : <ButtonLink href={address(page, '/checkout')}>Back to the checkout</ButtonLink>}</p>}
    </>
  )
}

function Unknown() {
  return (
    <>
      <Heading icon="close">No bank asks here</Heading>
      <p>This address is mistyped, or what it was for is long over.</p>
    </>
  )
}

function Heading({ icon, children }: { icon: 'lock' | 'check' | 'close'; children: ReactNode }) {
  return (
    <h1 className={styles.heading}>
      <span className={styles.sign}>
        <Icon name={icon} size={24} />
      </span>
      {children}
    </h1>
  )
}
