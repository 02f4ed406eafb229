"""Which files pytest leaves alone."""

# They run with the Python of the peers' environment.
collect_ignore_glob = ["peers/*"]
