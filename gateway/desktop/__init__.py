"""What desktop programs keep of their MCP servers: which files, in which shape, and how a text of theirs gets one
entry more or less while all the rest stays byte for byte. Texts in, texts out: the files are read and written by
`gateway.config.client_files`."""
