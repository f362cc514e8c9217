// A bundle as small as can be: it draws a page as its name and what it was given.
var storefront = {
  render: function (text) {
    var input = JSON.parse(text)
    var escape = function (value) {
      return JSON.stringify(value === undefined ? null : value).replaceAll('&', '&amp;').replaceAll('<', '&lt;')
    }
    var status = input.page === 'not-found' ? 404 : input.form ? 422 : 200
    var data = input.results.map(function (result) {
      return result.operation + '(' + escape(result.variables) + ')=' + escape(result.data)
    })
    var parts = [input.page, input.currency, escape(input.query), escape(input.visitor), escape(input.form)].concat(data)
    return JSON.stringify({ status: status, html: '<h1>' + parts.join('</h1><h1>') + '</h1>' })
  },
}
