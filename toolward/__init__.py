"""Toolward's SDK: write a tool server (`toolward.kit`), serve any provider of tools (`toolward.doors`),
call one (`toolward.client`)."""

import os

# gRPC's handlers of forks take up its threads again in the child. uvloop starts every process by a fork, and while
# calls were under way one in ten crashed before it was another program. No fork of ours goes on with gRPC.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
