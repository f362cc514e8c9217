// Texts for other programs.

/** Copies a text. Browsers keep the clipboard from pages that came unencrypted from another machine: for those there is the older way. */
export function copy(text: string) {
  if ('clipboard' in navigator) {
    void navigator.clipboard.writeText(text)
    return
  }
  const field = document.createElement('textarea')
  field.value = text
  // What is outside of a dialog cannot be selected.
  const place = document.querySelector('dialog:modal') ?? document.body
  place.append(field)
  field.select()
  document.execCommand('copy')
  field.remove()
}
