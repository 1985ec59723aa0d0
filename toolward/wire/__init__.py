"""Bytes and protocol messages on one side, `toolward.types` on the other. The only room that knows `v1`."""
