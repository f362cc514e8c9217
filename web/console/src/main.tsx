// Styles of all pages first: they say in which order layers count.
import '@vitrine/kit/src/tokens.css'
import '@vitrine/kit/src/fonts.css'
import './console.css'
import { hashKey, QueryClient, QueryClientProvider, type QueryKey } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app'
import { askedTenant } from './data/http'
import { upgraded } from './older-links'
import { navigate } from './router'

const older = upgraded(location.pathname, location.search)
if (older !== null) navigate(older, { replace: true })

// What one tenant was answered is nothing for another.
const queryKeyHashFn = (key: QueryKey) => hashKey([askedTenant(), key])
const client = new QueryClient({ defaultOptions: { queries: { refetchOnWindowFocus: false, queryKeyHashFn } } })

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
)
