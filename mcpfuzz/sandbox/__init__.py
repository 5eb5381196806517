"""A server in Linux namespaces of its own: `box` is our side, `keeper` the small process inside."""
