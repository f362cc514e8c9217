// Where one goes after signing in.

/** Returns the address that was asked for if it is a page of this site, else the first page. */
export function safeBack(asked: string, origin = location.origin): string {
  // Browsers take backslashes for slashes and leave out tabs and line ends, so that `/\t/elsewhere` would be another site: the parsed address counts.
  if (!asked.startsWith('/')) return '/'
  let address: URL
  try {
    address = new URL(asked, origin)
  } catch {
    return '/'
  }
  if (address.origin !== origin || address.pathname === '/sign-in' || address.pathname.startsWith('//')) return '/'
  return address.pathname + address.search
}
