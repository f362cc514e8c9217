// A line as small as a word. What it says stands beside it as a number.
interface SparklineProps {
  values: (number | null)[]
  /** For styles: `var(--bad)`. */
  colour?: string
  width?: number
  height?: number
}

export function Sparkline({ values, colour = 'var(--glass)', width = 80, height = 20 }: SparklineProps) {
  const high = Math.max(...values.map((value) => value ?? 0), Number.MIN_VALUE)
  const step = width / Math.max(1, values.length - 1)
  const y = (value: number) => height - 1 - (value / high) * (height - 2)
  let path = ''
  let isOpen = false
  for (const [place, value] of values.entries()) {
    if (value === null || Number.isNaN(value)) isOpen = false
    else {
      path += `${isOpen ? 'L' : 'M'}${(place * step).toFixed(1)} ${y(value).toFixed(1)}`
      isOpen = true
    }
  }
  return (
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
      <path d={path} fill="none" stroke={colour} strokeWidth="1.5" strokeLinejoin="round" />
    </svg>
  )
}
