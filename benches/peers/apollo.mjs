// Apollo Server with a product page's data in memory: apollo.mjs PACKAGES. Prints where it serves, and serves until it is ended.

import { createRequire } from 'node:module';

const require = createRequire(`${process.argv[2]}/node_modules/x.js`);
const { ApolloServer } = require('@apollo/server');
const { startStandaloneServer } = require('@apollo/server/standalone');

const typeDefs = `
  type Money { amount: String! currency: String! text: String! }
  type Category { slug: String! name: String! }
  enum ProductKind { GOODS EVENT }
  type Product {
    id: ID! slug: String! kind: ProductKind! name: String! description: String! tags: [String!]! picture: String! available: Int! sold: Int!
    category: Category! price: Money!
  }
  type Recommendation { product: Product! }
  type Query { product(id: ID!): Product recommendations(productIds: [ID!]!, first: Int): [Recommendation!]! }
`;
const product = (slug) => ({
  id: `prd_${slug}`, slug, kind: 'GOODS', name: `The ${slug}`, description: 'Blown by hand, of clear glass with a thread of blue in it. '.repeat(3),
  tags: ['blue', 'blown', 'tall'], picture: `/api/v1/products/prd_${slug}/picture`, available: 12, sold: 40,
  category: { slug: 'vases', name: 'Vases' }, price: { amount: '129.00', currency: 'EUR', text: '€129.00' },
});
const products = new Map(['storm-vase', 'tall-vase', 'apple-bowl', 'tumbler', 'lamp', 'window', 'prism'].map((slug) => [`prd_${slug}`, product(slug)]));
const resolvers = {
  Query: {
    product: async (_, { id }) => products.get(id),
    recommendations: async (_, { productIds, first }) =>
      [...products.values()].filter(({ id }) => !productIds.includes(id)).slice(0, first).map((product) => ({ product })),
  },
};
const { url } = await startStandaloneServer(new ApolloServer({ typeDefs, resolvers }), { listen: { host: '127.0.0.1', port: 0 } });
process.stdout.write(`${url.replace(/\/$/, '')}\n`);
