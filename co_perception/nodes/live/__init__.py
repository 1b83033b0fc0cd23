"""The running graph as a page shows it: `listener`, `service_calls`, `recording_session`; `live_graph` over them."""
