"""What a turn of the loop costs: ours with its ledger, beside other frameworks, with one endpoint and one tool
server."""
