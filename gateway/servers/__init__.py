"""What only the gateway serves: REST and server-sent events beside the doors of `toolward.doors`."""
