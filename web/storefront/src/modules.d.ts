declare module '*.module.css' {
  const classes: Record<string, string>
  export default classes
}
declare module '*.css'
declare module 'react-dom/server.edge' {
  import type { ReactNode } from 'react'
  export function renderToString(node: ReactNode): string
}
