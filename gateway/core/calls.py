"""What the two planes of a worker agree on for calls that come over the public port."""

CLIENT_FIELD = "X-Maintenance-Client"  # who calls; a client's own never gets this far
TOGGLE = "/toggle"  # what the control plane calls the toggle endpoint, whatever its path is
