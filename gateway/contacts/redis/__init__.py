"""The registry that several instances share, on Redis: one server, Sentinel or Cluster."""
