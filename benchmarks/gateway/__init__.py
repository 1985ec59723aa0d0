"""What a hop through the gateway costs: beside nginx, no hop at all and other gateways, and layer by layer."""
