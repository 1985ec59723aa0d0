"""What a door costs: the same one tool behind ours, behind the SDK's own server, and behind bare grpc.aio."""
