"""Toolward's SDK: write a tool server (`toolward.kit`), serve any provider of tools (`toolward.doors`),
call one (`toolward.client`)."""
