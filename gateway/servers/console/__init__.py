"""The web console: pages made on the server, which work without JavaScript; a little of it makes them live."""
