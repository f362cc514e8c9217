// Every GraphQL document that pages are made with: the server's questions for them, and those that browsers ask themselves. The build writes them
// as `documents.json`, and the gateway trusts them.
import { routes } from './routes'
import { SUGGESTIONS } from './suggestions'

export const documents: string[] = [SUGGESTIONS, ...routes.flatMap((route) => route.needs.map((need) => need.document))]
