"""Names that are hidden, or never changed, wherever they stand in a root.

What lies in a folder that matches is matched too. Names are compared as file systems do that do not tell cases or
Unicode forms apart: `.GIT` is `.git`. How globs are written: globs.py.
"""

import unicodedata
from dataclasses import dataclass

from toolservers.files.globs import matcher

STATE = ".toolward"
"""The folder in each root that keeps deleted files and earlier versions: no tool reaches it."""

HIDDEN = (
    STATE,
    *(".ssh", ".gnupg", ".aws", ".azure", ".kube", ".password-store"),
    *(".netrc", "_netrc", ".git-credentials", ".pgpass", ".npmrc", ".pypirc", ".htpasswd", ".vault-token"),
    *("id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.kdbx"),
    *(".env", ".env.local", ".env.*.local", ".env.production"),
    *("**/.docker/config.json", "**/.config/gcloud", "**/.config/gh"),
)
"""Keys, passwords and tokens where people keep them."""

PROTECTED = (
    *(".git", ".hg", ".svn", ".husky"),
    *(
        ".bashrc",
        ".bash_profile",
        ".bash_login",
        ".bash_logout",
        ".bash_aliases",
        ".profile",
        ".login",
        ".cshrc",
    ),
    *(".tcshrc", ".kshrc", ".zshrc", ".zshenv", ".zprofile", ".zlogin", ".zlogout", ".inputrc", ".xprofile"),
    *(".envrc", ".gitconfig", ".gitmodules", ".lldbinit", ".gdbinit", ".vimrc", ".emacs", ".pythonstartup"),
    *("**/.config/fish", "**/.config/git", "**/.config/autostart", "**/.local/bin", "**/LaunchAgents"),
    *(
        ".mcp.json",
        "mcp.json",
        "mcp_config.json",
        "claude_desktop_config.json",
        ".claude",
        ".cursor",
        ".codex",
    ),
    *(
        "**/.vscode/settings.json",
        "**/.vscode/tasks.json",
        "**/.vscode/launch.json",
        ".idea",
        "toolward.yaml",
    ),
)
"""What runs by itself, or says what runs: version control's hooks, shells' and editors' start-up, tool servers."""


@dataclass(frozen=True)
class Guards:
    hidden: tuple[str, ...]
    protected: tuple[str, ...]

    @classmethod
    def of(cls, hidden: tuple[str, ...] = (), protected: tuple[str, ...] = ()) -> "Guards":
        """The defaults and these."""
        return cls(tuple(map(folded, (*HIDDEN, *hidden))), tuple(map(folded, (*PROTECTED, *protected))))

    def hides(self, path: str) -> bool:
        """`path` from the root, with `/`, without `..`."""
        return matcher(self.hidden, below=True)(folded(path))

    def protects(self, path: str) -> bool:
        return matcher(self.protected, below=True)(folded(path))


def folded(path: str) -> str:
    """As a file system compares names that tells neither cases nor Unicode forms apart, nor sees an ending dot."""
    whole = unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
    return "/".join(part.rstrip(". ") or part for part in whole.split("/"))
