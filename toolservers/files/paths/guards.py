"""Names that are hidden, or never changed, wherever they stand in a root.

What lies in a folder that matches is matched too. Names are compared as file systems do that do not tell cases or
Unicode forms apart: `.GIT` is `.git`. How globs are written: globs.py.
"""

import re
import unicodedata
from dataclasses import dataclass

from toolservers.documents.key_files import KEY_FILES
from toolservers.files.paths.globs import matcher
from toolward.errors import ConfigurationError, ToolError

STATE = ".toolward"
"""The folder in each root that keeps deleted files and earlier versions: no tool reaches it."""

HIDDEN = (
    STATE,
    *(".ssh", ".gnupg", ".aws", ".azure", ".kube", ".password-store"),
    *(".netrc", ".git-credentials", ".pgpass", ".npmrc", ".pypirc", ".htpasswd", ".vault-token"),
    *KEY_FILES,
    *(".env", ".env.local", ".env.*.local", ".env.production"),
    *("**/.docker/config.json", "**/.config/gcloud", "**/.config/gh"),
)
"""Keys, passwords and tokens where people keep them."""

PROTECTED = (
    *(".git", ".hg", ".svn", ".husky", "**/*.git/hooks", "**/*.git/config", "git~[0-9]"),
    *(".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".bash_aliases", ".profile", ".login"),
    *(".cshrc", ".tcshrc", ".kshrc", ".zshrc", ".zshenv", ".zprofile", ".zlogin", ".zlogout", ".inputrc"),
    *(
        ".xprofile",
        ".xinitrc",
        ".xsession",
        ".pam_environment",
        ".tmux.conf",
        ".screenrc",
        ".curlrc",
        ".wgetrc",
    ),
    *(
        ".envrc",
        ".gitconfig",
        ".gitmodules",
        ".lldbinit",
        ".gdbinit",
        ".vimrc",
        ".exrc",
        ".emacs",
        ".emacs.d",
    ),
    *(".pythonstartup", ".pdbrc", ".irbrc", ".Rprofile", ".pre-commit-config.yaml"),
    *("**/.config/fish", "**/.config/git", "**/.config/autostart", "**/.config/systemd", "**/.config/nvim"),
    *("**/.config/environment.d", "**/.local/bin", "**/LaunchAgents"),
    *(".mcp.json", "mcp.json", "mcp_config.json", "claude_desktop_config.json", "toolward.yaml"),
    *(".claude", ".cursor", ".codex", ".gemini", ".windsurf", ".continue"),
    *("**/.vscode/{settings,tasks,launch}.json", ".idea", ".devcontainer"),
)
"""What runs by itself, or says what runs: version control's hooks, shells' and editors' start-up, tool servers."""


@dataclass(frozen=True)
class Guards:
    hidden: tuple[str, ...]
    protected: tuple[str, ...]

    @classmethod
    def of(cls, hidden: tuple[str, ...] = (), protected: tuple[str, ...] = ()) -> "Guards":
        """The defaults and these. Raises ConfigurationError for what is no glob."""
        guards = cls(tuple(map(folded, (*HIDDEN, *hidden))), tuple(map(folded, (*PROTECTED, *protected))))
        try:
            matcher(guards.hidden, below=True)
            matcher(guards.protected, below=True)
        except ToolError as error:
            raise ConfigurationError(f"A glob of hidden or protected files cannot be used: {error}") from None
        return guards

    def hides(self, path: str) -> bool:
        """`path` from the root, with `/`, without `..`."""
        return matcher(self.hidden, below=True)(folded(path))

    def protects(self, path: str) -> bool:
        return matcher(self.protected, below=True)(folded(path))


def folded(path: str) -> str:
    """As a file system compares names that tells neither cases nor Unicode forms apart, nor sees an ending dot or
    characters that show nothing (HFS+, and ext4 with casefold)."""
    if path.isascii():
        whole = path.lower()
    else:
        known = _IGNORED.sub("", path)
        whole = unicodedata.normalize("NFC", unicodedata.normalize("NFD", known).casefold())
    return "/".join(part.rstrip(". ") or part for part in whole.split("/"))


_IGNORED = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Unicode's Default_Ignorable_Code_Point."""
