"""What Sphinx is told: https://www.sphinx-doc.org/en/master/usage/configuration.html. It is used by `docs.site`."""

from importlib.metadata import version as version_of

project = "Toolward"
version = release = version_of("toolward")
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "index"
language = "en"
nitpicky = True
myst_heading_anchors = 4
html_theme = "furo"
html_title = "Toolward"
smartquotes = False  # they make dashes of options
html_favicon = "_static/mark.svg"
html_static_path = ["_static"]
templates_path = ["_templates"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_use_index = False
html_permalinks_icon = "#"
# The colours of the console: each passes AA on its ground. `drawn-…` are those of the drawings.
LIGHT = {
    "color-brand-primary": "#0a56b5",
    "color-brand-content": "#0a56b5",
    "color-brand-visited": "#0a56b5",
    "color-code-background": "#f4f6f9",
    "drawn-line": "#57606a",
    "drawn-box": "#ffffff",
    "drawn-strong": "#e4eefc",
    "drawn-ground": "#f6f7f9",
    "drawn-text": "#1b2430",
    "drawn-muted": "#57606a",
}
DARK = {
    "color-brand-primary": "#7db3ff",
    "color-brand-content": "#7db3ff",
    "color-brand-visited": "#7db3ff",
    "drawn-line": "#9aa4b0",
    "drawn-box": "#1a212a",
    "drawn-strong": "#16294a",
    "drawn-ground": "#12171e",
    "drawn-text": "#e6ebf1",
    "drawn-muted": "#9aa4b0",
}
FONTS = {
    "font-stack": 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif',
    "font-stack--monospace": 'ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace',
}
html_theme_options: dict[str, object] = {
    "light_logo": "mark.svg",
    "dark_logo": "mark.svg",
    "top_of_page_buttons": list[str](),
    "light_css_variables": LIGHT | FONTS,
    "dark_css_variables": DARK,
}
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
