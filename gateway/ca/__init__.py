"""The gateway's own certificate authority: an offline root, short-lived intermediates, leaves by the host."""
