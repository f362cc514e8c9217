//! The page of connected clients.

use vitrine_kit::html::escape;

use super::frame::{FRAME, time};
use crate::clients::{ClientBody, Clients, warnings};
use crate::flag_store::InForce;

/// Clients that were seen, and what is to be known of them.
pub(super) fn clients(now: &InForce, clients: &Clients) -> String {
    let list = clients.list(now.revision);
    let mut body =
        format!("<h1>Clients</h1><p class=soft>{} clients; the flags are at revision {}</p>", list.len(), now.revision);
    for warning in warnings(now, &list) {
        body.push_str(&format!("<p class=bad>{}</p>", escape(&warning)));
    }
    if list.is_empty() {
        body.push_str("<section class=empty><h2>No client has asked since the service started</h2></section>");
        return FRAME.page("Clients", &body);
    }
    body.push_str(
        "<div class=panel><table><thead><tr><th>SDK<th>Protocol<th>Token<th>Address<th>Streams<th>Revision<th>Behind<th>Fractional<th>Last seen (UTC)</tr></thead><tbody>",
    );
    list.iter().for_each(|client| body.push_str(&row(client)));
    body.push_str("</tbody></table></div>");
    FRAME.page("Clients", &body)
}

fn row(client: &ClientBody) -> String {
    let sdk = if client.sdk.is_empty() { "not said" } else { &client.sdk };
    format!(
        "<tr><td><b>{}</b> {}<td>{}<td>{}<td class=mono>{}<td>{}<td>{}<td>{}<td>{}<td class=mono>{}</tr>",
        escape(sdk),
        escape(&client.provider),
        client.protocol,
        escape(&client.token),
        client.address.map(|address| address.to_string()).unwrap_or_default(),
        client.streams,
        client.revision,
        client.behind,
        client.fractional.unwrap_or("-"),
        time(client.last_seen_ms)
    )
}
