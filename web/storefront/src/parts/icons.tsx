// Icons, 24 by 24, drawn with the colour of the text.
const PATHS = {
  search: 'M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13Zm4.8 11.3L20 20',
  cart: 'M4 5h2l2.2 10.2a1.5 1.5 0 0 0 1.5 1.2h7.2a1.5 1.5 0 0 0 1.5-1.2L20 8H6.7M9.5 20h.01M17 20h.01',
  person: 'M12 4a4 4 0 1 1 0 8 4 4 0 0 1 0-8ZM4.5 20c.9-3.2 3.9-5 7.5-5s6.6 1.8 7.5 5',
  arrow: 'M5 12h14m-6-6 6 6-6 6',
  check: 'm5 12.5 4.5 4.500L19 7.5',
  close: 'M6 6l12 12M18 6 6 18',
  parcel: 'M12 3 4 7v10l8 4 8-4V7l-8-4Zm0 9 8-5m-8 5L4 7m8 5v9',
  place: 'M12 21s7-6.2 7-11.500A7 7 0 0 0 5 9.500C5 14.8 12 21 12 21Zm0-9a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Z',
  clock: 'M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16Zm0 4v4.500l3 1.5',
  card: 'M4 6.5h16a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1v-10a1 1 0 0 1 1-1ZM3 10.500h18M6.5 15h3',
  back: 'M9 14 4.5 9.500 9 5M4.5 9.500H14a5 5 0 0 1 0 10h-3',
  letter: 'M4 6h16v12H4V6Zm0 .5 8 6.500 8-6.500',
  lock: 'M7 11V8a5 5 0 0 1 10 0v3M5.500 11h13v9h-13Zm6.500 3.500v2',
  offline: 'M4 4l16 16M8.5 12.500a5 5 0 0 1 2-1.200M5 9a11 11 0 0 1 3-2M12 5.500c2.700 0 5.200 1.300 7 3.500M12 19h.01M14 12a5 5 0 0 1 1.500 1',
  seat: 'M7 4v8h9a2 2 0 0 1 2 2v6M7 12v8M7 16h11',
} as const

export function Icon({ name, size = 20 }: { name: keyof typeof PATHS; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" fill="none" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} stroke="currentColor" strokeWidth="1.6" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  )
}
