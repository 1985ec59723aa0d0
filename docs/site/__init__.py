"""The pages of docs/ as a site: `make docs`. Pages are Markdown that reads well where it lies; what
only a site needs
(navigation, the reference out of the code, pictures within the page) is added to a copy of them, which
Sphinx builds."""
