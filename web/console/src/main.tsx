// Styles of all pages first: they say in which order layers count.
import '@vitrine/kit/src/tokens.css'
import './console.css'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app'
import { upgraded } from './older-links'
import { navigate } from './router'

const older = upgraded(location.pathname, location.search)
if (older !== null) navigate(older, { replace: true })

const client = new QueryClient({ defaultOptions: { queries: { refetchOnWindowFocus: false } } })

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
)
