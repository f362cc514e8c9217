// An address, to be typed.
import { byName } from '@vitrine/kit/src/countries'
import { usePage } from '../page'
import { useVisitor } from '../visitor'
import { Field, Fields, Select } from './controls'

/** Where the shop is, and most of its parcels go. */
const HOME_COUNTRY = 'DE'

export function AddressFields({ countries, name }: { countries: string[]; name: string }) {
  const { form } = usePage()
  const visitor = useVisitor()
  const country = form?.values.country ?? visitor?.country ?? HOME_COUNTRY
  return (
    <Fields legend="Address">
      <Field name="recipient" label="Name" autoComplete="name" required maxLength={100} defaultValue={form?.values.recipient ?? name} wide />
      <Field name="line1" label="Street and number" autoComplete="address-line1" required maxLength={120} wide />
      <Field name="line2" label="Floor, company, care of" autoComplete="address-line2" maxLength={120} wide />
      <Field name="postalCode" label="Postal code" autoComplete="postal-code" required maxLength={16} />
      <Field name="city" label="City" autoComplete="address-level2" required maxLength={80} />
      <Select name="country" label="Country" autoComplete="country" required defaultValue={country}>
        {byName(countries).map(({ code, name }) => (
          <option key={code} value={code}>
            {name}
          </option>
        ))}
      </Select>
    </Fields>
  )
}
