// Runs before the page is drawn, so that a theme that was chosen does not flash.
try {
  const theme = localStorage.getItem('vitrine.theme')
  if (theme) document.documentElement.dataset.theme = theme
} catch {}
