// Draws pages in a process of its own. The first line that comes is the page's script, as JSON text; each further one is a page's input.
// What is said of each is a line, too: `=` and the page, or `!` and what went wrong.
const vm = require('node:vm')

let render
let unread = ''
process.stdin.setEncoding('utf8')
process.stdin.on('data', (text) => {
  const lines = (unread + text).split('\n')
  unread = lines.pop()
  for (const line of lines) process.stdout.write(`${answer(line)}\n`)
})

function answer(line) {
  try {
    if (render !== undefined) return `=${render(line)}`
    vm.runInThisContext(JSON.parse(line), { filename: 'storefront.js' })
    render = vm.runInThisContext('storefront.render')
    return '='
  } catch (error) {
    return `!${String(error).replaceAll('\n', ' ')}`
  }
}
