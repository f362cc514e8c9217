WITH steps AS (
  SELECT attr(attributes, 'session.id') AS session,
         max(CASE WHEN attr(attributes, 'analytics.type') = 'page' THEN 1 ELSE 0 END) AS page,
         max(CASE WHEN event_name = 'Product Viewed' THEN 1 ELSE 0 END) AS product,
         max(CASE WHEN event_name = 'Product Added' THEN 1 ELSE 0 END) AS cart,
         max(CASE WHEN event_name = 'Order Completed' THEN 1 ELSE 0 END) AS paid
  FROM logs WHERE service = 'analytics' AND event_name IS NOT NULL AND attr(attributes, 'session.id') IS NOT NULL
    AND time > now() - interval '1 day'
  GROUP BY 1),
slowest AS (
  SELECT attr(e.attributes, 'session.id') AS session, max(s.duration_ns) / 1000000 AS ms
  FROM logs e JOIN spans s ON s.trace_id = e.trace_id
  WHERE e.service = 'analytics' AND e.event_name IS NOT NULL AND e.time > now() - interval '1 day'
    AND s.parent_span_id IS NULL AND s.time > now() - interval '1 day'
  GROUP BY 1)
SELECT CASE WHEN ms IS NULL THEN 'not traced' WHEN ms < 100 THEN 'below 100 ms' WHEN ms < 500 THEN 'below 500 ms' ELSE 'slower' END AS answered,
       sum(page) AS page, sum(product) AS product, sum(cart) AS cart, sum(paid) AS paid
FROM steps LEFT JOIN slowest ON steps.session = slowest.session GROUP BY 1 ORDER BY 1
