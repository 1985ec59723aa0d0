"""Other people's tools against our servers. They are Node programs, fetched by npm at their pinned versions, so
these checks are no part of `make test`: their files are named so that pytest finds them only when `make interop`
names them."""
